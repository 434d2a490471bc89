// Keeps the chosen run, epoch and mission in the page's address, without a step in the browser's history.
//
// data: {run: its name or null, epoch: number, or null for the last, mission: its id, or null for none,
//        page: a new one is another address}
export function mount(element, {run, epoch, mission, page}) {
  if ((globalThis.caePage ?? page) !== page) closeMenu();
  globalThis.caePage = page;
  const address = new URL(location.href), before = address.search;
  if (!run) return;
  address.searchParams.set("run", run);
  if (epoch === null) address.searchParams.delete("epoch");
  else address.searchParams.set("epoch", epoch);
  if (mission) address.searchParams.set("mission", mission);
  else address.searchParams.delete("mission");
  address.search = address.search.replaceAll("%2C", ",");
  if (address.search === before) return;
  history.replaceState(history.state, "", address);
}

// On a phone the menu covers the page that was just chosen in it.
function closeMenu() {
  if (!matchMedia("(max-width: 640px)").matches) return;
  const menu = document.querySelector('[data-testid="stSidebar"]');
  if (menu && menu.getBoundingClientRect().right > 0) menu.querySelector('[data-testid="stSidebarCollapseButton"] button')?.click();
}
