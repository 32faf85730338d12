// Waveform and spectrogram of one utterance over a time axis that zooms; words as boxes, the playhead.

const LETTER_WIDTH = 8;
const SHORTEST_SPAN_S = 0.25;
const LONGEST_ZOOM = 40;

function makePictures(view, picture) {
  view.picture = picture;
  view.span = [0, picture.duration_s];
  view.waveform = make("canvas", { class: "waveform", role: "img", "aria-label": "Waveform" });
  view.spectrogram = make("canvas", {
    class: "spectrogram",
    role: "img",
    "aria-label": `Spectrogram from 0 to ${picture.highest_hz} Hz`,
  });
  view.head = make("div", { class: "playhead" });
  view.words = make("div", { class: "word-boxes", "aria-hidden": "true" });
  view.mark = make("div", { class: "span-mark", hidden: true });
  view.seconds = make("div", { class: "seconds" });
  view.hint = makeNote("");
  view.plot = make(
    "div",
    {
      class: "plot",
      tabindex: 0,
      role: "group",
      "aria-label": "Time axis: plus and minus zoom, arrows move, 0 shows all",
    },
    [view.waveform, view.spectrogram, view.words, view.mark, view.head],
  );
  listenToPlot(view);
  const image = new Image();
  image.onload = () => {
    view.image = image;
    drawPictures(view);
  };
  image.src = `data:image/jpeg;base64,${picture.spectrogram}`;
  for (const token of view.tokens) if (token.kind === "words") view.words.append(makeWordBox(view, token));
  const stage = make("div", { class: "stage" }, view.plot, makeFrequencies(picture), view.seconds);
  return [stage, view.hint];
}

// Click moves the playhead, a drag zooms into what it marks, the wheel zooms, sideways it moves.
function listenToPlot(view) {
  const { plot } = view;
  const timeAt = (event) => {
    const { left, width } = plot.getBoundingClientRect();
    return view.span[0] + ((event.clientX - left) / width) * spanOf(view);
  };
  let start = null;
  plot.addEventListener("pointerdown", (event) => {
    if (event.button !== 0 || event.target.closest(".word-box")) return;
    plot.setPointerCapture(event.pointerId);
    start = { x: event.clientX, time: timeAt(event) };
  });
  plot.addEventListener("pointermove", (event) => {
    if (!start || Math.abs(event.clientX - start.x) < 5) return;
    const [from, to] = [start.time, timeAt(event)].sort((one, other) => one - other);
    view.mark.hidden = false;
    place(view, view.mark, from, to);
  });
  plot.addEventListener("pointerup", (event) => {
    if (!start) return;
    const time = timeAt(event);
    if (Math.abs(event.clientX - start.x) >= 5)
      zoomTo(view, ...[start.time, time].sort((one, other) => one - other));
    else if (view.audio) {
      view.loop = null;
      view.audio.currentTime = Math.min(Math.max(time, 0), view.picture.duration_s);
    }
    view.mark.hidden = true;
    start = null;
  });
  plot.addEventListener(
    "wheel",
    (event) => {
      event.preventDefault();
      const isSideways = Math.abs(event.deltaX) > Math.abs(event.deltaY) || event.shiftKey;
      if (isSideways) moveSpan(view, ((event.deltaX || event.deltaY) / plot.clientWidth) * spanOf(view));
      else zoomBy(view, Math.exp(event.deltaY * 0.0015), timeAt(event));
    },
    { passive: false },
  );
  plot.addEventListener("dblclick", () => zoomTo(view, 0, view.picture.duration_s));
  plot.addEventListener("keydown", (event) => {
    const middle = (view.span[0] + view.span[1]) / 2;
    const act = {
      "+": () => zoomBy(view, 0.6, middle),
      "=": () => zoomBy(view, 0.6, middle),
      "-": () => zoomBy(view, 1 / 0.6, middle),
      0: () => zoomTo(view, 0, view.picture.duration_s),
      ArrowLeft: () => moveSpan(view, -spanOf(view) / 4),
      ArrowRight: () => moveSpan(view, spanOf(view) / 4),
    }[event.key];
    if (!act) return;
    event.preventDefault();
    act();
  });
}

function spanOf(view) {
  return view.span[1] - view.span[0];
}

function zoomBy(view, factor, around) {
  const share = (around - view.span[0]) / spanOf(view);
  const shortest = Math.max(SHORTEST_SPAN_S, view.picture.duration_s / LONGEST_ZOOM);
  const length = Math.max(spanOf(view) * factor, shortest);
  zoomTo(view, around - share * length, around + (1 - share) * length);
}

function moveSpan(view, seconds) {
  const length = spanOf(view);
  const from = Math.min(Math.max(view.span[0] + seconds, 0), view.picture.duration_s - length);
  zoomTo(view, from, from + length);
}

function zoomTo(view, from, to) {
  const whole = view.picture.duration_s;
  const least = Math.min(SHORTEST_SPAN_S, whole);
  const start = Math.min(Math.max(from, 0), whole - least);
  view.span = [start, Math.min(Math.max(to, start + least), whole)];
  drawPictures(view);
}

// Puts an element over a span of time.
function place(view, element, from, to = null) {
  const share = (time) => (100 * (time - view.span[0])) / spanOf(view);
  element.style.left = `${share(from)}%`;
  if (to !== null) element.style.width = `${share(to) - share(from)}%`;
}

// The playhead; while it plays, the axis turns over to where it is.
function placePlayhead(view, time) {
  const isOut = time < view.span[0] || time > view.span[1];
  if (isOut && !view.audio.paused && !view.loop) zoomTo(view, time, time + spanOf(view));
  view.head.hidden = time < view.span[0] || time > view.span[1];
  place(view, view.head, time);
}

function describePicture(view, isLabeled) {
  const { picture, span } = view;
  const level =
    picture.peak > 0 ? `${(20 * Math.log10(picture.peak)).toFixed(1).replace("-", "−")} dBFS` : "silence";
  const [low, high] = [picture.low_db, picture.high_db].map((value) => formatTick(Math.round(value)));
  const isWhole = spanOf(view) >= picture.duration_s - 1e-6;
  const shown = isWhole ? "" : `, ${span[0].toFixed(2)} to ${span[1].toFixed(2)} shown`;
  const words = isLabeled ? "" : " Zoom in to see the words.";
  const hint = isWhole ? "Scroll or drag to zoom." : "Double-click to see all.";
  const scaled = `Waveform scaled to its peak (${level}); spectrogram ${low} to ${high} dB`;
  return `${formatNumber(picture.duration_s)} s${shown}. ${hint}${words} ${scaled}.`;
}

function makeFrequencies({ highest_hz: highest }) {
  const ticks = makeTicks(0, highest, 4).filter((tick) => tick <= highest);
  return make(
    "div",
    { class: "frequencies" },
    ticks.map((tick, index) =>
      make(
        "span",
        { style: `bottom:${(100 * tick) / highest}%` },
        index === ticks.length - 1 ? `${tick} Hz` : String(tick),
      ),
    ),
  );
}

function makeSeconds(view) {
  const [from, to] = view.span;
  const ticks = makeTicks(from, to, 6).filter((tick) => tick <= to - 0.03 * spanOf(view));
  return [
    ...ticks.map((tick) =>
      make("span", { style: `left:${(100 * (tick - from)) / spanOf(view)}%` }, formatTick(tick)),
    ),
    make("span", { class: "unit" }, "s"),
  ];
}

function makeWordBox(view, token) {
  token.box = makeButton(make("span", {}, token.pair.hypothesis), () => listenTo(view, token), {
    class: `word-box op-${OPERATION_NAMES[token.pair.operation]}`,
    title: token.element.title,
    tabindex: -1,
  });
  return token.box;
}

// The boxes of the words in the span, each where its label fits.
function placeBoxes(view) {
  const width = view.plot.clientWidth / spanOf(view);
  let isLabeled = false;
  for (const { box, start, end, pair } of view.tokens) {
    if (!box) continue;
    const isShown = start < view.span[1] && end > view.span[0];
    box.hidden = !isShown || (end - start) * width - 2 < pair.hypothesis.length * LETTER_WIDTH;
    if (!box.hidden) place(view, box, start, end);
    isLabeled ||= !box.hidden;
  }
  return isLabeled;
}

function drawPictures(view) {
  if (!view.waveform?.isConnected || !view.waveform.clientWidth) return;
  drawWaveform(view);
  if (view.image) drawSpectrogram(view);
  view.seconds.replaceChildren(...makeSeconds(view));
  view.hint.textContent = describePicture(view, placeBoxes(view));
  if (view.audio) placePlayhead(view, view.audio.currentTime);
}

function prepareCanvas(canvas) {
  const ratio = devicePixelRatio || 1;
  canvas.width = canvas.clientWidth * ratio;
  canvas.height = canvas.clientHeight * ratio;
  const context = canvas.getContext("2d", { willReadFrequently: true });
  context.scale(ratio, ratio);
  return [context, canvas.clientWidth, canvas.clientHeight];
}

function drawWaveform({ waveform, picture, span }) {
  const [context, width, height] = prepareCanvas(waveform);
  const envelope = new Int8Array(readBase64(picture.envelope).buffer);
  const [from, to] = span.map((time) => (time / picture.duration_s) * picture.columns);
  const step = width / (to - from);
  context.fillStyle = style("--accent");
  for (let column = Math.floor(from); column < Math.min(Math.ceil(to), picture.columns); column += 1) {
    const top = height / 2 - (envelope[2 * column + 1] / 127) * (height / 2 - 2);
    const bottom = height / 2 - (envelope[2 * column] / 127) * (height / 2 - 2);
    context.fillRect((column - from) * step, top, Math.max(step, 0.6), Math.max(bottom - top, 1));
  }
}

function drawSpectrogram({ spectrogram: canvas, image, picture, span }) {
  const [context, width, height] = prepareCanvas(canvas);
  context.imageSmoothingEnabled = true;
  context.imageSmoothingQuality = "high";
  const [from, to] = span.map((time) => (time / picture.duration_s) * image.width);
  context.drawImage(image, from, 0, to - from, image.height, 0, 0, width, height);
  const pixels = context.getImageData(0, 0, canvas.width, canvas.height);
  const ramp = makeRamp();
  const light = parseColor(style("--spectrogram-floor"));
  const table = Array.from({ length: 256 }, (_, gray) => {
    const share = gray / 255;
    return ramp(share).map((part, index) =>
      Math.round(part * Math.min(1, share * 3) + light[index] * (1 - Math.min(1, share * 3))),
    );
  });
  for (let index = 0; index < pixels.data.length; index += 4) {
    const color = table[pixels.data[index]];
    [pixels.data[index], pixels.data[index + 1], pixels.data[index + 2]] = color;
  }
  context.putImageData(pixels, 0, 0);
}
