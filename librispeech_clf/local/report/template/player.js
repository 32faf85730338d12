// Audio of the rows: where it lies, and one player for all play buttons of lists.

const audioBlocks = new Map();
const waitingForAudio = new Map();
const listPlayer = new Audio();
let playingRow = null;

for (const element of document.querySelectorAll("script.audio")) {
  audioBlocks.set(Number(element.textContent.match(/"row":(\d+)/)[1]), { element });
}

// The scripts beside the page call this with the picture of one utterance.
window.receiveAudio = (block) => {
  audioBlocks.set(block.row, { block });
  for (const done of waitingForAudio.get(block.row) ?? []) done(block);
  waitingForAudio.delete(block.row);
};

function hasAudio(row) {
  return audioBlocks.has(row) || Boolean(payload.audio.scripts?.[row]);
}

function requestAudio(row, done) {
  const known = audioBlocks.get(row);
  if (known) {
    known.block ??= JSON.parse(known.element.textContent);
    done(known.block);
    return;
  }
  const address = payload.audio.scripts?.[row];
  if (!address) return done(null);
  const isAsked = waitingForAudio.has(row);
  waitingForAudio.set(row, [...(waitingForAudio.get(row) ?? []), done]);
  if (!isAsked)
    document.head.append(
      make("script", {
        src: address,
        onerror: () => window.receiveAudio({ row, problem: `${address} is not beside the page.` }),
      }),
    );
}

function addressOf(block) {
  if (block.address) return block.address;
  block.url ??= URL.createObjectURL(new Blob([readBase64(block.data)], { type: block.type }));
  return block.url;
}

function readBase64(text) {
  return Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
}

function makePlayButton(row, name = payload.ids[row]) {
  if (!hasAudio(row)) return null;
  const button = make(
    "button",
    {
      class: "play",
      "data-play": row,
      "aria-label": `Play ${name}`,
      title: "Play",
      onclick: (event) => {
        event.stopPropagation();
        togglePlay(row);
      },
    },
    draw(
      "svg",
      { viewBox: "0 0 16 16", "aria-hidden": "true" },
      draw("path", { class: "start", d: "M4 2 L14 8 L4 14 Z" }),
      draw("path", { class: "stop", d: "M3 3 H13 V13 H3 Z" }),
    ),
  );
  button.classList.toggle("playing", row === playingRow);
  return button;
}

function togglePlay(row) {
  if (row === playingRow) return stopPlaying();
  stopPlaying();
  shownView?.audio?.pause();
  playingRow = row;
  markPlaying(row, true);
  requestAudio(row, (block) => {
    if (row !== playingRow) return;
    if (!block || block.problem) return stopPlaying();
    listPlayer.src = addressOf(block);
    listPlayer.play().catch(stopPlaying);
  });
}

function stopPlaying() {
  listPlayer.pause();
  if (playingRow !== null) markPlaying(playingRow, false);
  playingRow = null;
}

function markPlaying(row, isPlaying) {
  for (const button of document.querySelectorAll(`[data-play="${row}"]`))
    button.classList.toggle("playing", isPlaying);
}

listPlayer.addEventListener("ended", stopPlaying);
