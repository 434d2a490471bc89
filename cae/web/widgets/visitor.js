// Keeps in the browser who its visitor is, for a reload and for another tab.
//
// data: {cookies: {name: text to keep, "" to forget}, mine: the name of the cookie that says who it is, or ""}
// emits: "visitor" what that cookie says, where the browser knew somebody else before: another tab was faster
import {setAddress} from "../lib/tab.js";

const SECONDS = 365 * 24 * 3600;

export function mount(element, {cookies, mine}, emit) {
  const root = element.querySelector(".visitor"), known = cookieValues();
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
  setAddress({moderator: null}); // a moderator's link must not stay for everybody who looks at the screen
}

function cookieValues() {
  return Object.fromEntries(document.cookie.split("; ").map((pair) => {
    const at = pair.indexOf("=");
    return [pair.slice(0, at), decoded(pair.slice(at + 1))];
  }));
}

function decoded(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return "";
  }
}
