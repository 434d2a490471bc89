"""One typed function for every widget of cae/web."""

from components.address import keep_in_address as keep_in_address
from components.atlas import Sheet as Sheet
from components.atlas import atlas as atlas
from components.chart import chart as chart
from components.chart import chart_to_come as chart_to_come
from components.digits import Card as Card
from components.digits import digits as digits
from components.drawing import DrawingAction as DrawingAction
from components.drawing import draw as draw
from components.drawing import kept_drawing as kept_drawing
from components.drawing import reading as reading
from components.epoch import scrubber as scrubber
from components.map import MapAction as MapAction
from components.map import digit_map as digit_map
from components.morph import morph as morph
from components.remember import remember as remember
from components.runs_table import RunsAction as RunsAction
from components.runs_table import runs_table as runs_table
from components.samples import Generated as Generated
from components.samples import samples as samples
from components.steering import Start as Start
from components.steering import steer as steer
from components.table import table as table
from components.visitor import keep_visitor as keep_visitor
from components.wall import WallAction as WallAction
from components.wall import wall as wall
