// Keeps in the browser who its visitor is, so that a reload and another tab know it again.
//
// data: {cookies: {name: text to keep, "" to forget}, mine: the name of the cookie that says who it is, or ""}
// emits: "visitor" what that cookie says, where the browser knew somebody else before: another tab was faster
const SECONDS = 365 * 24 * 3600;

export function mount(element, {cookies, mine}, emit) {
  const root = element.querySelector(".visitor"), known = kept();
  for (const [name, value] of Object.entries(cookies)) {
    if (name === mine && known[name] && known[name] !== value) {
      if (root.told !== known[name]) emit("visitor", known[name]);
      root.told = known[name];
    } else if ((known[name] ?? "") !== value) {
      const secure = location.protocol === "https:" ? "; Secure" : "";
      const age = value ? SECONDS : 0;
      document.cookie = `${name}=${encodeURIComponent(value)}; Max-Age=${age}; Path=/; SameSite=Strict${secure}`;
    }
  }
  forgetSecret();
}

function kept() {
  const pairs = document.cookie.split("; ").map((pair) => [pair.slice(0, pair.indexOf("=")), pair.slice(pair.indexOf("=") + 1)]);
  return Object.fromEntries(pairs.map(([name, value]) => [name, decoded(value)]));
}

function decoded(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return "";
  }
}

// A moderator's link would stay in the address, for everybody who looks at the screen or is sent the link.
function forgetSecret() {
  const address = new URL(location.href);
  if (!address.searchParams.has("moderator")) return;
  address.searchParams.delete("moderator");
  history.replaceState(history.state, "", address);
}
