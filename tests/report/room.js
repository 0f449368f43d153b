// What sticks out of the page or cannot be read on it. Charts may be wider than a phone: they scroll by themselves.
() => {
  const root = document.documentElement;
  const faults = [];
  const name = node => `${node.localName}.${[...node.classList].join(".")} "${node.textContent.slice(0, 30)}"`;
  if (root.scrollWidth > root.clientWidth) faults.push(`the page is ${root.scrollWidth} wide on ${root.clientWidth}`);
  const channels = colour => colour.match(/[\d.]+/g).map(Number);
  const light = colour => {
    const linear = channels(colour).slice(0, 3).map(c => c / 255).map(c => c <= .04045 ? c / 12.92 : ((c + .055) / 1.055) ** 2.4);
    return .2126 * linear[0] + .7152 * linear[1] + .0722 * linear[2];
  };
  const back = node => {
    for (let at = node; at; at = at.parentElement) {
      const colour = getComputedStyle(at).backgroundColor;
      if ((channels(colour)[3] ?? 1) === 1) return colour;
    }
    return "rgb(255, 255, 255)";
  };
  for (const node of document.body.querySelectorAll("*")) {
    const box = node.getBoundingClientRect();
    if (!box.width || !box.height) continue;
    if (!node.closest(".chart > *") && (box.left < -.5 || box.right > root.clientWidth + .5))
      faults.push(`${name(node)} goes from ${box.left} to ${box.right}`);
    const words = [...node.childNodes].some(child => child.nodeType === Node.TEXT_NODE && child.data.trim());
    if (!words) continue;
    const style = getComputedStyle(node);
    const pair = [light(node.closest("svg") ? style.fill : style.color), light(back(node))].sort((a, b) => b - a);
    const contrast = (pair[0] + .05) / (pair[1] + .05);
    if (contrast < 4.5) faults.push(`${name(node)} has a contrast of ${contrast.toFixed(2)}`);
  }
  return faults;
}
