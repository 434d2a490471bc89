// What the browser's tab keeps through a reload: texts in its storage, and the page's address.

// Keeps a text under a name; an empty one is forgotten. A tab without storage loses its texts with the page.
export function keep(name, text) {
  try {
    if (text) sessionStorage.setItem(`cae-${name}`, text);
    else sessionStorage.removeItem(`cae-${name}`);
  } catch {
    // nothing else is lost
  }
}

export function kept(name) {
  try {
    return sessionStorage.getItem(`cae-${name}`) ?? "";
  } catch {
    return "";
  }
}

// The value that a kept text stands for as JSON; null where there is none, or something else.
export function keptValue(name) {
  try {
    return JSON.parse(kept(name));
  } catch {
    return null;
  }
}

// Sets parameters of the page's address, without a step in the browser's history; null takes one away.
export function setAddress(parameters) {
  const address = new URL(location.href), {searchParams} = address;
  const changes = Object.entries(parameters)
    .map(([name, value]) => [name, value === null ? null : String(value)])
    .filter(([name, value]) => searchParams.get(name) !== value);
  if (!changes.length) return;
  for (const [name, value] of changes) {
    if (value === null) searchParams.delete(name);
    else searchParams.set(name, value);
  }
  address.search = address.search.replaceAll("%2C", ",");
  try {
    history.replaceState(history.state, "", address);
  } catch {
    // some browsers let a page that comes from a file keep the address it has
  }
}
