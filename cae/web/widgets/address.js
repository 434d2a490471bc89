// Keeps the chosen run, epoch and mission in the page's address.
//
// data: {run: its name or null, epoch: number, or null for the last, mission: its id, or null for none,
//        page: a new one is another address}
import {setAddress} from "../lib/tab.js";

export function mount(element, {run, epoch, mission, page}) {
  if ((globalThis.caePage ?? page) !== page) closeMenu();
  globalThis.caePage = page;
  if (run) setAddress({run, epoch, mission: mission || null});
}

// On a phone the menu covers the page that was just chosen in it.
function closeMenu() {
  if (!matchMedia("(max-width: 640px)").matches) return;
  const menu = document.querySelector('[data-testid="stSidebar"]');
  if (!menu || menu.getBoundingClientRect().right <= 0) return;
  menu.querySelector('[data-testid="stSidebarCollapseButton"] button')?.click();
}
