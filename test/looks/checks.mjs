// What is looked for in a page. Each function returns what it found, a line
// each.

// accessibility finds what axe-core says breaks WCAG 2.0, 2.1 or 2.2, A or AA,
// with every fold-out open. What axe cannot decide is found too; where that is
// the contrast of a text (a single character, one in a picture, one beyond the
// edge of what it scrolls in), it is measured here.
export async function accessibility(page, url, axe, { width, scheme }) {
  await page.visit(url, { width, scheme });
  await page.evaluate(`document.querySelectorAll("details").forEach((d) => (d.open = true))`);
  await page.evaluate(axe + ";0");
  return page.evaluate(`(async () => {
    const contrast = ${contrast};
    const why = (n) => [...n.any, ...n.all, ...n.none].map((c) => c.message).join("; ");
    const { violations, incomplete } = await axe.run({
      resultTypes: ["violations", "incomplete"],
      runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"],
    });
    const found = violations.flatMap((r) => r.nodes.map((n) => r.id + ": " + n.html.slice(0, 200) + ": " + why(n)));
    for (const r of incomplete) for (const n of r.nodes) {
      if (r.id !== "color-contrast") {
        found.push(r.id + " cannot be decided: " + n.html.slice(0, 200) + ": " + why(n));
        continue;
      }
      const c = contrast(document.querySelector(n.target[0]));
      if (c < 4.5) found.push(r.id + " is " + c.toFixed(2) + ", below 4.5: " + n.html.slice(0, 200));
    }
    return found;
  })()`);
}

// contrast is that of an element's text to the nearest ground behind it (WCAG
// 2.2, "contrast ratio"). It runs in the page.
function contrast(element) {
  const canvas = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
  const drawn = (colour) => { // whatever way the colour is written
    canvas.clearRect(0, 0, 1, 1);
    canvas.fillStyle = colour;
    canvas.fillRect(0, 0, 1, 1);
    return canvas.getImageData(0, 0, 1, 1).data;
  };
  const luminance = (rgb) => {
    const [r, g, b] = [...rgb.slice(0, 3)].map((c) => (c /= 255) <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4);
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const style = getComputedStyle(element);
  const text = luminance(drawn(element instanceof SVGElement ? style.fill : style.color));
  let ground = 1; // white, as a browser's canvas is
  for (let e = element; e; e = e.parentElement) {
    const colour = drawn(getComputedStyle(e).backgroundColor);
    if (colour[3] === 0) continue;
    ground = luminance(colour);
    break;
  }
  return (Math.max(text, ground) + 0.05) / (Math.min(text, ground) + 0.05);
}

// selfContained finds requests, scripts, handlers of events, what could load
// something, and links that lead nowhere or run something.
export async function selfContained(page, url) {
  await page.visit(url);
  const requests = page.requests.filter((r) => r !== url).map((r) => "the page asks for " + r);
  const found = await page.evaluate(`(() => {
    const found = [];
    for (const e of document.querySelectorAll("*")) {
      const name = "<" + e.localName + ">";
      if (["script", "iframe", "frame", "object", "embed", "link", "base", "form", "img", "image", "video", "audio", "source", "use"].includes(e.localName))
        found.push("a report has no " + name);
      for (const { name: key, value } of e.attributes) {
        if (key.startsWith("on")) found.push(name + " has " + key);
        if (key === "src" || key === "srcset") found.push(name + " has " + key + "=" + value);
        if (!key.endsWith("href")) continue;
        if (value.startsWith("#") ? !document.getElementById(value.slice(1)) : !/^https:[/][/]/.test(value)) found.push(name + " leads to " + value);
      }
    }
    return found;
  })()`);
  return [...requests, ...found];
}

// withoutScripts finds a difference between the page with JavaScript and
// without, in its text or its picture.
export async function withoutScripts(page, url) {
  const seen = [];
  for (const scripts of [true, false]) {
    await page.visit(url, { scripts });
    seen.push({ text: await page.evaluate("document.body.innerText"), picture: await page.screenshot() });
  }
  const found = [];
  if (seen[0].text !== seen[1].text) found.push("the page reads otherwise with JavaScript off");
  if (seen[0].picture !== seen[1].picture) found.push("the page looks otherwise with JavaScript off");
  if (seen[1].text.trim() === "") found.push("the page is empty with JavaScript off");
  return found;
}

// narrow finds what sticks out of a narrow screen, other than in regions that
// are there to be moved sideways, with every fold-out open.
export async function narrow(page, url, width) {
  await page.visit(url, { width });
  return page.evaluate(`(() => {
    document.querySelectorAll("details").forEach((d) => (d.open = true));
    const found = [], room = document.documentElement.clientWidth;
    const wide = Math.max(document.documentElement.scrollWidth, document.body.scrollWidth);
    if (wide > room) found.push("the page is " + wide + " pixels wide, the screen " + room);
    const moves = (e) => e && e !== document.body && (["auto", "scroll", "hidden"].includes(getComputedStyle(e).overflowX) || moves(e.parentElement));
    for (const e of document.body.querySelectorAll("*")) {
      const box = e.getBoundingClientRect();
      if ((box.right > room + 0.5 || box.left < -0.5) && !moves(e.parentElement))
        found.push("<" + e.localName + ">" + e.textContent.trim().slice(0, 60) + " goes from " + box.left + " to " + box.right);
    }
    return found;
  })()`);
}

// printed finds fold-outs that stay shut on paper. Numbers of a picture may
// (the picture is printed), but have to be in the page.
export async function printed(page, url) {
  await page.visit(url, { media: "print" });
  return page.evaluate(`(() => {
    const found = [];
    for (const d of document.querySelectorAll("details")) {
      const name = "fold-out " + d.querySelector("summary")?.textContent.trim().slice(0, 60);
      const inside = [...d.children].filter((c) => c.localName !== "summary");
      if (!inside.some((c) => c.textContent.trim())) found.push(name + " is empty");
      if (!d.open && !d.matches(".numbers") && !inside.every((c) => c.checkVisibility({ contentVisibilityAuto: true }) && c.getBoundingClientRect().height > 0))
        found.push(name + " is not printed");
    }
    return found;
  })()`);
}
