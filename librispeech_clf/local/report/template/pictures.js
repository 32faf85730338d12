// Waveform and spectrogram of one utterance with their axes, the words as boxes, the playhead.

const LETTER_WIDTH = 6.6;

function makePictures(view, picture) {
  view.picture = picture;
  view.waveform = make("canvas", { class: "waveform", role: "img", "aria-label": "Waveform" });
  view.spectrogram = make("canvas", {
    class: "spectrogram",
    role: "img",
    "aria-label": `Spectrogram from 0 to ${picture.highest_hz} Hz`,
  });
  view.head = make("div", { class: "playhead" });
  view.words = make("div", { class: "word-boxes", "aria-hidden": "true" });
  const plot = make("div", { class: "plot" }, view.waveform, view.spectrogram, view.words, view.head);
  plot.addEventListener("pointerdown", (event) => {
    if (!view.audio || event.target.closest(".word-box")) return;
    const { left, width } = plot.getBoundingClientRect();
    view.loop = null;
    view.audio.currentTime = ((event.clientX - left) / width) * picture.duration_s;
  });
  const image = new Image();
  image.onload = () => {
    view.image = image;
    drawPictures(view);
  };
  image.src = `data:image/jpeg;base64,${picture.spectrogram}`;
  for (const token of view.tokens) if (token.kind === "words") view.words.append(makeWordBox(view, token));
  const stage = make("div", { class: "stage" }, plot, makeFrequencies(picture), makeSeconds(picture));
  return [stage, makeNote(describePicture(picture))];
}

function describePicture(picture) {
  const level =
    picture.peak > 0 ? `${(20 * Math.log10(picture.peak)).toFixed(1).replace("-", "−")} dBFS` : "silence";
  const [low, high] = [picture.low_db, picture.high_db].map((value) => formatTick(Math.round(value)));
  const scaled = `Waveform scaled to its peak (${level}); spectrogram ${low} to ${high} dB`;
  return `${formatNumber(picture.duration_s)} s. ${scaled}. Click to move.`;
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

function makeSeconds({ duration_s: duration }) {
  const ticks = makeTicks(0, duration, 6).filter((tick) => tick <= duration * 0.97);
  return make(
    "div",
    { class: "seconds" },
    ticks.map((tick) => make("span", { style: `left:${(100 * tick) / duration}%` }, formatTick(tick))),
    make("span", { class: "unit" }, "s"),
  );
}

function makeWordBox(view, token) {
  const { duration_s: duration } = view.picture;
  const text = token.pair.hypothesis;
  const box = make(
    "button",
    {
      class: `word-box op-${OPERATION_NAMES[token.pair.operation]}`,
      title: token.element.title,
      tabindex: -1,
      style: `left:${(100 * token.start) / duration}%;width:${(100 * (token.end - token.start)) / duration}%`,
      onclick: () => listenTo(view, token),
    },
    make("span", {}, text),
  );
  token.box = box;
  return box;
}

// A word is written where its box is wide enough.
function labelBoxes(view) {
  for (const box of view.words.children) {
    const room = (box.offsetWidth - 2) / LETTER_WIDTH;
    box.firstChild.hidden = box.textContent.length > room;
  }
}

function drawPictures(view) {
  if (!view.waveform?.isConnected || !view.waveform.clientWidth) return;
  drawWaveform(view.waveform, view.picture);
  if (view.image) drawSpectrogram(view.spectrogram, view.image);
  labelBoxes(view);
}

function prepareCanvas(canvas) {
  const ratio = devicePixelRatio || 1;
  canvas.width = canvas.clientWidth * ratio;
  canvas.height = canvas.clientHeight * ratio;
  const context = canvas.getContext("2d", { willReadFrequently: true });
  context.scale(ratio, ratio);
  return [context, canvas.clientWidth, canvas.clientHeight];
}

function drawWaveform(canvas, picture) {
  const [context, width, height] = prepareCanvas(canvas);
  const envelope = new Int8Array(readBase64(picture.envelope).buffer);
  const step = width / picture.columns;
  context.fillStyle = style("--accent");
  for (let column = 0; column < picture.columns; column += 1) {
    const top = height / 2 - (envelope[2 * column + 1] / 127) * (height / 2 - 2);
    const bottom = height / 2 - (envelope[2 * column] / 127) * (height / 2 - 2);
    context.fillRect(column * step, top, Math.max(step, 0.6), Math.max(bottom - top, 1));
  }
}

function drawSpectrogram(canvas, image) {
  const [context, width, height] = prepareCanvas(canvas);
  context.imageSmoothingEnabled = true;
  context.imageSmoothingQuality = "high";
  context.drawImage(image, 0, 0, width, height);
  const pixels = context.getImageData(0, 0, canvas.width, canvas.height);
  const ramp = makeRamp();
  const light = style("--spectrogram-floor");
  const table = Array.from({ length: 256 }, (_, grey) => {
    const share = grey / 255;
    return ramp(share).map((part, index) =>
      Math.round(part * Math.min(1, share * 3) + parseColour(light)[index] * (1 - Math.min(1, share * 3))),
    );
  });
  for (let index = 0; index < pixels.data.length; index += 4) {
    const colour = table[pixels.data[index]];
    [pixels.data[index], pixels.data[index + 1], pixels.data[index + 2]] = colour;
  }
  context.putImageData(pixels, 0, 0);
}
