"""Every cache of the app. What the pages show is fetched here, and computed at most once.

`loading` says what stands for a run in a cache, and loads torch ahead of the first page; `pictures` holds the data
sets, `networks` what a network makes of them, `files` what the browser asks for, `maps` the maps, `lists` the runs,
curves and posts; `measured` has judgements and answers, `generated` new digits, and `leaving` makes what is saved.
"""

from resources.files import MOST_FRAMES as MOST_FRAMES
from resources.files import Addresses as Addresses
from resources.files import Frame as Frame
from resources.files import addresses as addresses
from resources.files import film as film
from resources.files import network_address as network_address
from resources.files import plotly_address as plotly_address
from resources.files import sheet as sheet
from resources.generated import Fresh as Fresh
from resources.generated import beside_training as beside_training
from resources.generated import distances as distances
from resources.generated import fitted as fitted
from resources.generated import fresh as fresh
from resources.generated import judge as judge
from resources.generated import look as look
from resources.generated import quality_of as quality_of
from resources.leaving import lab as lab
from resources.leaving import report as report
from resources.leaving import zipped as zipped
from resources.lists import curve as curve
from resources.lists import curve_of as curve_of
from resources.lists import forget_summaries as forget_summaries
from resources.lists import loss_curves as loss_curves
from resources.lists import summaries as summaries
from resources.lists import wall as wall
from resources.lists import wall_stamp as wall_stamp
from resources.loading import Key as Key
from resources.loading import forget_old_data as forget_old_data
from resources.loading import spare_collector as spare_collector
from resources.loading import troubles as troubles
from resources.loading import warm_up as warm_up
from resources.maps import MapAddresses as MapAddresses
from resources.maps import all_digits as all_digits
from resources.maps import are_encoded as are_encoded
from resources.maps import map_addresses as map_addresses
from resources.maps import map_film as map_film
from resources.maps import map_film_address as map_film_address
from resources.maps import map_film_job as map_film_job
from resources.maps import map_if_ready as map_if_ready
from resources.maps import map_scores as map_scores
from resources.maps import places_address as places_address
from resources.maps import points as points
from resources.maps import test_pictures_address as test_pictures_address
from resources.maps import tsne as tsne
from resources.maps import usual_tsne as usual_tsne
from resources.measured import answer as answer
from resources.measured import is_measured as is_measured
from resources.measured import judgement as judgement
from resources.measured import without as without
from resources.networks import code as code
from resources.networks import compare as compare
from resources.networks import copy_of as copy_of
from resources.networks import decode as decode
from resources.networks import encode as encode
from resources.networks import errors as errors
from resources.networks import fingerprint as fingerprint
from resources.networks import latent_space as latent_space
from resources.networks import layers as layers
from resources.networks import model as model
from resources.networks import references as references
from resources.networks import test_mse as test_mse
from resources.pictures import baselines as baselines
from resources.pictures import normalise_ink as normalise_ink
from resources.pictures import pca_copies as pca_copies
from resources.pictures import photo as photo
from resources.pictures import test_set as test_set
