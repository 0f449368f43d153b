// The page's elements without its texts: names, attributes, and the values of those that no text goes into.
() => {
  const told = new Set(["title", "aria-label"]);
  const shape = node => [
    node.localName,
    [...node.attributes].map(at => told.has(at.name) ? at.name : `${at.name}=${at.value}`).sort(),
    [...node.children].map(shape),
  ];
  return shape(document.documentElement);
}
