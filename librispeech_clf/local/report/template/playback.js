// Listening to one utterance: the player, its speed, a looped word, the playhead.

const RATES = [0.5, 0.75, 1, 1.25, 1.5];
const LOOP_MARGIN_S = 0.08;
const playback = { rate: 1, isLooping: false };

function showPlayer(view, block) {
  if (!block) return view.player.replaceChildren(makeNote("No audio is stored with this report."));
  const children = [];
  if (block.data || block.address) children.push(makeAudio(view, block), makePlayerTools(view));
  if (block.problem) children.push(make("p", { class: "failure" }, block.problem));
  view.player.replaceChildren(...children);
  if (block.picture) view.pictures.replaceChildren(...makePictures(view, block.picture));
  if (view.audio) followPlayback(view);
}

function makeAudio(view, block) {
  view.audio = make("audio", {
    controls: true,
    preload: "auto",
    src: addressOf(block),
    "aria-label": "Audio of the utterance",
  });
  view.audio.playbackRate = view.audio.defaultPlaybackRate = playback.rate;
  view.audio.addEventListener("play", stopPlaying);
  return view.audio;
}

function makePlayerTools(view) {
  const rates = RATES.map((rate) => [rate, `${rate} ×`]);
  const setRate = (rate) => {
    playback.rate = view.audio.playbackRate = rate;
  };
  const toggleLoop = () => {
    playback.isLooping = !playback.isLooping;
    loop.setAttribute("aria-pressed", playback.isLooping);
    if (!playback.isLooping) view.loop = null;
  };
  const loop = makeButton("Loop", toggleLoop, {
    id: "loop",
    "aria-pressed": String(playback.isLooping),
    title: "Loop a word (key l)",
  });
  const speed = makeSelect("Speed", rates, playback.rate, setRate, "speed");
  return make("div", { class: "toolbar" }, speed, loop, make("span", { class: "note" }, "Space plays."));
}

function toggleAudio() {
  const audio = shownView?.audio;
  if (!audio) return;
  if (audio.paused) audio.play().catch(() => {});
  else audio.pause();
}

// From the token on; around a word where words are looped.
function listenTo(view, token) {
  if (!view.audio) return;
  const isLoop = playback.isLooping && token.kind === "words";
  view.loop = isLoop ? [Math.max(0, token.start - LOOP_MARGIN_S), token.end + LOOP_MARGIN_S] : null;
  view.audio.currentTime = view.loop ? view.loop[0] : token.start;
  view.audio.play().catch(() => {});
}

function followPlayback(view) {
  const update = () => {
    keepInLoop(view);
    const time = view.audio.currentTime;
    if (view.head) placePlayhead(view, time);
    for (const { element, start, end, box } of view.tokens) {
      const isNow = start >= 0 && time >= start && time < end && time > 0;
      element.classList.toggle("now", isNow);
      box?.classList.toggle("now", isNow);
    }
  };
  const tick = () => {
    update();
    if (!view.audio.paused && view.audio.isConnected) requestAnimationFrame(tick);
  };
  view.audio.addEventListener("play", tick);
  view.audio.addEventListener("timeupdate", update);
  view.audio.addEventListener("seeked", update);
  view.audio.addEventListener("ended", () => view.loop && view.audio.play().catch(() => {}));
}

function keepInLoop(view) {
  if (!view.loop) return;
  const [start, end] = view.loop;
  const time = view.audio.currentTime;
  if (time > end || time < start - 0.05) view.audio.currentTime = start;
}
