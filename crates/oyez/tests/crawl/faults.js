// What is wrong with the page that is open: a list of sentences.
const faults = [];
const page = document.documentElement;
if (page.scrollWidth > page.clientWidth) {
    const wide = [...document.querySelectorAll('body *')].filter(one => one.getBoundingClientRect().right > page.clientWidth + 1);
    faults.push(`wider than the screen: ${wide.slice(0, 3).map(one => one.outerHTML.slice(0, 80)).join(' | ')}`);
}
const headings = document.querySelectorAll('h1').length;
if (headings !== 1) faults.push(`${headings} headings h1`);
if (!page.lang) faults.push('no language');
if (!document.title) faults.push('no title');
const ids = [...document.querySelectorAll('[id]')].map(one => one.id);
for (const id of new Set(ids.filter((id, place) => ids.indexOf(id) !== place))) faults.push(`id ${id} twice`);
for (const field of document.querySelectorAll('input:not([type=hidden], [type=submit]), select, textarea')) {
    const isNamed = field.labels.length || field.getAttribute('aria-label') || field.getAttribute('aria-labelledby');
    if (!isNamed) faults.push(`no label: ${field.outerHTML.slice(0, 80)}`);
}
for (const one of document.querySelectorAll('a[href], button, summary')) {
    if (!one.textContent.trim() && !one.getAttribute('aria-label')) faults.push(`no name: ${one.outerHTML.slice(0, 80)}`);
}
for (const one of document.querySelectorAll('img:not([alt])')) faults.push(`no text: ${one.outerHTML.slice(0, 80)}`);

// Contrast of WCAG 2.2, 1.4.3, of each text against what is painted behind it.
const brush = Object.assign(document.createElement('canvas'), {width: 1, height: 1}).getContext('2d', {willReadFrequently: true});
const octets = colour => {
    brush.clearRect(0, 0, 1, 1);
    brush.fillStyle = colour;
    brush.fillRect(0, 0, 1, 1);
    const [red, green, blue, alpha] = brush.getImageData(0, 0, 1, 1).data;
    return [red, green, blue, alpha / 255];
};
const over = (front, back) => front.slice(0, 3).map((value, place) => value * front[3] + back[place] * (1 - front[3]));
const luminance = colour => {
    const [red, green, blue] = colour.map(value => value / 255).map(value => value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4);
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
};
const behind = one => {
    if (!one) return matchMedia('(prefers-color-scheme: dark)').matches ? [18, 18, 18] : [255, 255, 255];
    const colour = octets(getComputedStyle(one).backgroundColor);
    return colour[3] === 1 ? colour.slice(0, 3) : over(colour, behind(one.parentElement));
};
const pale = new Map();
const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
while (texts.nextNode()) {
    const one = texts.currentNode.parentElement;
    const isSeen = texts.currentNode.textContent.trim() && one.checkVisibility({visibilityProperty: true, opacityProperty: true});
    const style = getComputedStyle(one);
    const box = one.getBoundingClientRect();
    if (!isSeen || one.closest(':disabled, .unseen, script, style, option') || box.width < 2 || box.height < 2) continue;
    const back = behind(one);
    const pair = [luminance(over(octets(style.color), back)), luminance(back)];
    const ratio = (Math.max(...pair) + 0.05) / (Math.min(...pair) + 0.05);
    const size = parseFloat(style.fontSize);
    const isLarge = size >= 24 || size >= 18.66 && Number(style.fontWeight) >= 700;
    if (ratio < (isLarge ? 3 : 4.5)) pale.set(`${one.tagName}.${one.className}`, `${ratio.toFixed(2)}: ${one.textContent.trim().slice(0, 40)}`);
}
for (const [what, text] of pale) faults.push(`contrast of ${what} ${text}`);
return faults;
