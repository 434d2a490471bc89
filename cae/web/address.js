// Keeps the chosen run in the page's address, without a step in the browser's history.
//
// data: {run: its name or null, page: a new one is another address}
export function mount(element, {run}) {
  const address = new URL(location.href);
  if (!run || address.searchParams.get("run") === run) return;
  address.searchParams.set("run", run);
  history.replaceState(history.state, "", address);
}
