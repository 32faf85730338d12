// One utterance: audio, waveform and spectrogram with the playhead, both alignments with times, metadata.

const utteranceElement = document.getElementById("utterance");
const OPERATION_NAMES = { "=": "correct", s: "substituted", d: "deleted", i: "inserted" };
const TIME_UNIT = 0.01;
let shownView = null;

new ResizeObserver(() => shownView && drawPictures(shownView)).observe(utteranceElement);

function showUtterance() {
  const row = state.open;
  document.body.classList.toggle("has-utterance", row !== null);
  utteranceElement.hidden = row === null;
  if (row === null) return;
  const player = make("div", { class: "player" });
  const view = { row, tokens: [], player };
  shownView = view;
  utteranceElement.replaceChildren();
  fill(utteranceElement, {}, [
    makeUtteranceHead(row),
    makeVerdict(row),
    player,
    makeWordAlignment(view),
    makeLetterAlignment(view),
    makeOtherHypothesis(row),
    listSimulated(row),
    makeMetadata(row),
  ]);
  utteranceElement.scrollTop = 0;
  requestAudio(row, (block) => {
    if (state.open === row) showPlayer(view, block);
  });
}

function makeUtteranceHead(row) {
  const step = (offset) => () => {
    const order = sortRows(state.rows);
    const next = order[order.indexOf(row) + offset];
    if (next !== undefined) openUtterance(next);
  };
  const widen = make(
    "button",
    {
      class: "quiet",
      "aria-label": "Wider or narrower",
      title: "Wider or narrower",
      onclick: () => {
        document.body.classList.toggle("wide-utterance");
      },
    },
    "⇔",
  );
  return make(
    "header",
    {},
    make("h2", { tabindex: -1 }, payload.ids[row]),
    make(
      "button",
      {
        class: "quiet",
        "aria-label": "Previous utterance",
        title: "Previous (key p)",
        id: "previous",
        onclick: step(-1),
      },
      "←",
    ),
    make(
      "button",
      { class: "quiet", "aria-label": "Next utterance", title: "Next (key n)", id: "next", onclick: step(1) },
      "→",
    ),
    widen,
    make(
      "button",
      {
        class: "quiet",
        "aria-label": "Close",
        title: "Close (Escape)",
        id: "close",
        onclick: () => openUtterance(null),
      },
      "×",
    ),
  );
}

function makeVerdict(row) {
  if (payload.errors[row]) return make("p", { class: "failure" }, `Not evaluated: ${payload.errors[row]}`);
  const parts = figures
    .slice(0, 5)
    .filter((figure) => figure.key !== "sentence_error_rate")
    .map((figure) => {
      const result = estimateRatio([row], figure, speakerOf);
      return make("span", {}, `${figure.short} `, make("strong", {}, formatFigure(figure, result.estimate)));
    });
  const extra = [genderColumn, speakerColumn, durationColumn]
    .filter((column) => column)
    .map((column) =>
      make(
        "span",
        {},
        `${column.label} `,
        make("strong", {}, formatCell(column, row) + (column.unit ? ` ${column.unit}` : "")),
      ),
    );
  return make("p", { class: "verdict" }, parts, extra);
}

function showPlayer(view, block) {
  if (!block)
    return view.player.replaceChildren(make("p", { class: "note" }, "No audio is stored with this report."));
  const children = [];
  if (block.data || block.address) {
    view.audio = make("audio", {
      controls: true,
      preload: "auto",
      src: addressOf(block),
      "aria-label": "Audio of the utterance",
    });
    children.push(view.audio);
  }
  if (block.problem) children.push(make("p", { class: "failure" }, block.problem));
  if (block.picture) children.push(...makePictures(view, block.picture));
  view.player.replaceChildren(...children);
  if (view.audio) followPlayback(view);
}

function makePictures(view, picture) {
  view.waveform = make("canvas", { class: "waveform", role: "img", "aria-label": "Waveform" });
  view.spectrogram = make("canvas", {
    class: "spectrogram",
    role: "img",
    "aria-label": `Spectrogram from 0 to ${picture.highest_hz} Hz`,
  });
  view.picture = picture;
  view.head = make("div", { class: "playhead" });
  const stage = make("div", { class: "stage" }, view.waveform, view.spectrogram, view.head);
  stage.addEventListener("pointerdown", (event) => {
    if (!view.audio) return;
    const { left, width } = stage.getBoundingClientRect();
    view.audio.currentTime = ((event.clientX - left) / width) * picture.duration_s;
  });
  view.stage = stage;
  const image = new Image();
  image.onload = () => {
    view.image = image;
    drawPictures(view);
  };
  image.src = `data:image/jpeg;base64,${picture.spectrogram}`;
  const level =
    picture.peak > 0 ? `${(20 * Math.log10(picture.peak)).toFixed(1).replace("-", "−")} dBFS` : "silence";
  return [
    stage,
    make(
      "p",
      { class: "note" },
      `${formatNumber(picture.duration_s)} s. Waveform scaled to its peak (${level}); spectrogram ` +
        `0 to ${picture.highest_hz / 1000} kHz, ${formatTick(Math.round(picture.low_db))} to ` +
        `${formatTick(Math.round(picture.high_db))} dB. Click to move.`,
    ),
  ];
}

function drawPictures(view) {
  if (!view.waveform?.isConnected || !view.waveform.clientWidth) return;
  drawWaveform(view.waveform, view.picture);
  if (view.image) drawSpectrogram(view.spectrogram, view.image);
}

function prepareCanvas(canvas) {
  const ratio = devicePixelRatio || 1;
  canvas.width = canvas.clientWidth * ratio;
  canvas.height = canvas.clientHeight * ratio;
  const context = canvas.getContext("2d");
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

function followPlayback(view) {
  const duration = () => view.picture?.duration_s ?? view.audio.duration;
  const update = () => {
    const time = view.audio.currentTime;
    if (view.head) view.head.style.left = `${Math.min(100, (100 * time) / (duration() || 1))}%`;
    for (const { element, start, end } of view.tokens)
      element.classList.toggle("now", start >= 0 && time >= start && time < end && time > 0);
  };
  const tick = () => {
    update();
    if (!view.audio.paused && view.audio.isConnected) requestAnimationFrame(tick);
  };
  view.audio.addEventListener("play", tick);
  view.audio.addEventListener("timeupdate", update);
  view.audio.addEventListener("seeked", update);
}

function makeWordAlignment(view) {
  return makeAlignment(view, "Words", alignWords(view.row), payload.word_timings[view.row], "words");
}

function makeLetterAlignment(view) {
  return makeAlignment(view, "Letters", alignLetters(view.row), payload.letter_timings[view.row], "letters");
}

function makeAlignment(view, title, pairs, timings, kind) {
  const list = make("div", { class: `alignment ${kind}` });
  for (const pair of pairs) list.append(makePair(view, pair, timings, kind));
  if (!pairs.length) list.append(make("p", { class: "note" }, "Neither reference nor hypothesis has text."));
  const key = make(
    "span",
    { class: "key" },
    Object.entries(OPERATION_NAMES)
      .slice(1)
      .map(([operation, name]) => make("span", { class: `pair op-${name}` }, name)),
  );
  return make(
    "section",
    { class: "aligned" },
    make("h3", {}, title, key),
    make(
      "p",
      { class: "note" },
      kind === "words"
        ? "Reference above, hypothesis below, with its start and its confidence as bar. " +
            "Click to listen from there."
        : "Spaces shown as ␣; a fainter letter is a less confident one.",
    ),
    list,
  );
}

function makePair(view, pair, timings, kind) {
  const at = pair.hypothesisAt;
  const [start, duration, confidence] =
    at === null || !timings.length ? [-1, -1, -1] : timings.slice(3 * at, 3 * at + 3);
  const name = OPERATION_NAMES[pair.operation];
  const spell = (text) => (text === null || text === undefined ? "∅" : text === " " ? "␣" : text);
  const times =
    start < 0
      ? ""
      : `, ${(start * TIME_UNIT).toFixed(2)} to ${((start + duration) * TIME_UNIT).toFixed(2)} s`;
  const sure =
    confidence < 0 || confidence === undefined ? "" : `, confidence ${(confidence / 1000).toFixed(3)}`;
  const texts = `reference ${spell(pair.reference)}, hypothesis ${spell(pair.hypothesis)}`;
  const label = `${name}: ${texts}${times}${sure}`;
  const element = make(
    "button",
    { class: `pair op-${name}`, title: label, "aria-label": label, tabindex: kind === "letters" ? -1 : null },
    make("span", { class: "reference" }, spell(pair.reference)),
    make(
      "span",
      {
        class: "hypothesis",
        style:
          kind === "letters" && confidence >= 0
            ? `opacity:${(0.35 + 0.65 * (confidence / 1000)).toFixed(2)}`
            : null,
      },
      spell(pair.hypothesis),
    ),
  );
  if (kind === "words") {
    element.append(make("span", { class: "time" }, start < 0 ? " " : (start * TIME_UNIT).toFixed(2)));
    if (confidence >= 0)
      element.append(make("span", { class: "confidence", style: `width:${confidence / 10}%` }));
  }
  if (start >= 0) {
    element.addEventListener("click", () => listenFrom(view, start * TIME_UNIT));
    view.tokens.push({ element, start: start * TIME_UNIT, end: (start + duration) * TIME_UNIT });
  }
  return element;
}

function listenFrom(view, seconds) {
  if (!view.audio) return;
  view.audio.currentTime = seconds;
  view.audio.play().catch(() => {});
}

function makeOtherHypothesis(row) {
  if (!payload.other?.present[row]) return null;
  const pairs = readAlignment(
    payload.other.word_operations[row],
    splitWords(payload.references[row]),
    splitWords(payload.other.hypotheses[row]),
  );
  const list = make(
    "div",
    { class: "alignment words" },
    pairs.map((pair) => makePair({ tokens: [] }, pair, [], "words")),
  );
  return make("section", { class: "aligned" }, make("h3", {}, "Second run"), list);
}

function makeMetadata(row) {
  const groups = Object.entries(GROUP_NAMES).map(([group, title]) => {
    const own = [...columns.values()].filter((column) => column.group === group && !TEXTS.has(column.key));
    if (!own.length) return null;
    return make(
      "details",
      { open: ["metric", "record", "corpus"].includes(group) },
      make("summary", {}, title),
      make(
        "dl",
        {},
        own.map((column) => [make("dt", {}, describe(column)), make("dd", {}, formatCell(column, row))]),
      ),
    );
  });
  return make("section", { class: "metadata" }, make("h3", {}, "Metrics and metadata"), groups);
}

const TEXTS = new Set(["utterance_id", "reference", "hypothesis", "error"]);
