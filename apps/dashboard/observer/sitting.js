// A block of trials, wholly in the browser: the server sends it once and gets one result.
//
// Onset is the time of the frame after the one that painted the picture (requestAnimationFrame twice); a reaction time
// is the event's own time stamp less that, so that neither a busy server nor a late handler is part of it. Times are
// milliseconds from the start of the sitting, on a clock that goes on through a reload. Only trusted events count.

const STORE = "cogattn.sitting.";
const SLOW = 1.5; // times the usual interval between frames
const KEPT_SLOW = 500;
const KEPT_EVENTS = 5000;
const FEEDBACK_MS = 700;
const CARD_MM = [85.6, 53.98];
const PX_PER_MM = 96 / 25.4; // what a CSS pixel is said to be
const DISTANCE_MM = 570;
const HEADER_PX = 110; // the page's own bar, and what lies between
const live = new WeakMap();

export default function (component) {
  const { parentElement, data, setTriggerValue } = component;
  const told = unpack(data);
  if (told.forget) {
    sessionStorage.removeItem(STORE + told.forget);
    return () => {};
  }
  let session = live.get(parentElement);
  if (!session || session.told.id !== told.id || session.stopped) {
    session?.stop();
    session = new Session(parentElement.querySelector(".sitting"), told);
    live.set(parentElement, session);
    session.run();
  }
  session.send = (text) => setTriggerValue("result", text);
  return () => {
    // Streamlit may call this between two renderings of the same block: only a block that is gone is stopped.
    setTimeout(() => session.root.isConnected || session.stop(), 0);
  };
}

// The header's length (4 bytes, little-endian), the header as JSON, then the pictures.
function unpack(data) {
  const view = new DataView(data.buffer, data.byteOffset, data.byteLength);
  const length = view.getUint32(0, true);
  const header = JSON.parse(new TextDecoder().decode(data.subarray(4, 4 + length)));
  for (const trial of [...(header.practice ?? []), ...(header.trials ?? [])]) {
    const [start, size] = trial.picture;
    trial.png = data.subarray(4 + length + start, 4 + length + start + size);
  }
  return header;
}

function element(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.append(...children);
  return made;
}

const rounded = (value) => Math.round(value * 1000) / 1000;
const plain = (event) => !(event.ctrlKey || event.metaKey || event.altKey);

class Session {
  constructor(root, told) {
    Object.assign(this, { root, told, stopped: false, open: null, running: false });
    const kept = sessionStorage.getItem(STORE + told.id);
    this.state = kept
      ? JSON.parse(kept)
      : {
          practice: [], trials: [], practised: false, events: [], calibration: null, resumed: 0,
          origin: performance.timeOrigin + performance.now(),
          frames: { n: 0, sum: 0, squares: 0, longest: 0, dropped: 0, slow: [], n_slow: 0, usual: 0 },
        };
    this.blurs = 0;
    this.resumes = kept !== null;
    this.build();
    this.listen();
  }

  // -- what is on the page ---------------------------------------------------------------------------------

  build() {
    const { told } = this;
    const keys = told.answers.filter((answer) => answer.key).map((a) => `${a.key}: ${a.label}`).join(", ");
    this.status = element("p", { class: "status", role: "status", "aria-live": "polite" });
    this.canvas = element("canvas", {
      tabindex: "0", role: "img", "aria-label": `Display of the block. ${keys || "Answer with the buttons below"}.`,
    });
    this.panel = element("div", { class: "panel" });
    this.answers = element("div", { class: "answers", role: "group", "aria-label": "Answers" });
    this.answers.dataset.many = String(told.answers.length > 4);
    this.buttons = told.answers.map((answer) => {
      const button = element("button", { type: "button" }, answer.label);
      if (answer.key) button.append(" ", element("kbd", {}, answer.key));
      button.addEventListener("click", (event) => this.answer(answer.value, event, "button"));
      return button;
    });
    this.answers.append(...this.buttons);
    this.root.replaceChildren(this.status, this.panel, this.canvas, this.answers);
    this.show(false);
  }

  show(display) {
    this.panel.hidden = display;
    this.canvas.hidden = this.answers.hidden = !display;
  }

  // Show words and a button; go on when it is pressed.
  ask(label, ...content) {
    const button = element("button", { type: "button", class: "go" }, label);
    this.panel.replaceChildren(...content, element("div", { class: "choices" }, button));
    this.show(false);
    button.focus({ preventScroll: true });
    return new Promise((resolve) => button.addEventListener("click", resolve, { once: true }));
  }

  // -- events ----------------------------------------------------------------------------------------------

  listen() {
    this.ended = new AbortController();
    const { signal } = this.ended;
    this.root.addEventListener("keydown", (event) => this.key(event), { signal });
    window.addEventListener("keydown", (event) => this.stray(event), { signal, capture: true });
    window.addEventListener("blur", () => this.note("blur"), { signal });
    window.addEventListener("focus", () => this.note("focus"), { signal });
    document.addEventListener("visibilitychange", () => this.note(document.hidden ? "hidden" : "visible"), { signal });
  }

  stop() {
    this.stopped = true;
    this.ended.abort();
    cancelAnimationFrame(this.watching);
  }

  now(stamp) {
    return rounded(Math.max(0, performance.timeOrigin + stamp - this.state.origin));
  }

  note(kind) {
    if (!this.running) return;
    if (kind === "blur" || kind === "hidden") this.blurs += 1;
    this.last = undefined; // no frame is late while nobody looks
    if (this.state.events.length < KEPT_EVENTS) this.state.events.push({ at: this.now(performance.now()), kind });
  }

  // The page around must not hear the keys: Streamlit runs the page anew on r and clears its cache on c.
  key(event) {
    if (!plain(event) || event.key === "Tab") return;
    event.stopPropagation();
    if (event.target instanceof HTMLInputElement) return;
    if (this.move(event)) return;
    const given = this.told.answers.find((answer) => answer.key && answer.key === event.key.toLowerCase());
    if (given && this.open) {
      event.preventDefault();
      if (!event.repeat) this.answer(given.value, event, "key");
    } else if (event.target === this.canvas) {
      event.preventDefault();
    }
  }

  // A key pressed while the focus is elsewhere on the page, in no field: it is ours as long as the block runs.
  stray(event) {
    const path = event.composedPath();
    const field = path[0] instanceof Element && path[0].matches("input, textarea, select, button, a, [contenteditable]");
    if (!this.running || !plain(event) || event.key.length > 1 || path.includes(this.root) || field) return;
    this.canvas.focus({ preventScroll: true });
    this.key(event);
    event.stopImmediatePropagation();
  }

  // Arrow keys walk over many buttons, four in a row.
  move(event) {
    const at = this.buttons.indexOf(this.root.getRootNode().activeElement);
    const step = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -4, ArrowDown: 4 }[event.key];
    if (at < 0 || !step) return false;
    event.preventDefault();
    this.buttons[(at + step + this.buttons.length) % this.buttons.length].focus({ preventScroll: true });
    return true;
  }

  answer(response, event, input) {
    if (!event.isTrusted || !this.open || this.open.done) return;
    const rt = this.open.onset === null ? 0 : event.timeStamp - this.open.onset;
    if (rt <= 0) {
      this.open.early += 1;
      return;
    }
    Object.assign(this.open, { done: true, response, rt, input });
    this.open.resolve();
  }

  // -- frames ----------------------------------------------------------------------------------------------

  frame() {
    return new Promise((resolve) => {
      requestAnimationFrame((stamp) => {
        if (!this.stopped) resolve(stamp);
      });
    });
  }

  // The screen's usual interval, the median of sixty.
  async measure() {
    const intervals = [];
    let last = await this.frame();
    while (intervals.length < 60) {
      const stamp = await this.frame();
      intervals.push(stamp - last);
      last = stamp;
    }
    return intervals.sort((a, b) => a - b)[30];
  }

  watch() {
    const { frames } = this.state;
    const step = (stamp) => {
      if (this.stopped || !this.running) return;
      if (this.last !== undefined) {
        const interval = stamp - this.last;
        frames.n += 1;
        frames.sum += interval;
        frames.squares += interval * interval;
        frames.longest = Math.max(frames.longest, interval);
        if (interval > SLOW * frames.usual) {
          frames.n_slow += 1;
          frames.dropped += Math.max(1, Math.round(interval / frames.usual) - 1);
          if (frames.slow.length < KEPT_SLOW) frames.slow.push([this.now(stamp), rounded(interval)]);
        }
      }
      this.last = stamp;
      this.watching = requestAnimationFrame(step);
    };
    this.last = undefined;
    this.watching = requestAnimationFrame(step);
  }

  // -- the course of a sitting -----------------------------------------------------------------------------

  async run() {
    if (this.resumes) await this.resume();
    else await this.begin();
    const { state, told } = this;
    if (!state.practised) {
      await this.phase(told.practice, state.practice, true);
      state.practised = true;
      this.checkpoint();
      await this.ask(
        "Begin the block",
        element("h3", {}, "Practice is over"),
        element("p", {}, `Now ${told.trials.length} trials that count, without being told right or wrong.`),
      );
    }
    await this.phase(told.trials, state.trials, false);
    this.running = false;
    this.checkpoint();
    this.deliver();
  }

  async begin() {
    const { told } = this;
    await this.ask(
      "Next",
      element("h3", {}, told.title),
      element("ol", {}, ...told.instructions.map((line) => element("li", {}, line))),
      element("p", {}, `First ${told.practice.length} trials of practice with feedback, then ${told.trials.length}.`),
    );
    this.state.calibration = await this.calibrate();
    this.status.textContent = "Measuring the screen...";
    this.state.frames.usual = Math.max(1, await this.measure());
    await this.ask(
      "Begin practice",
      element("h3", {}, "Ready?"),
      element("p", {}, "Sit still, in the distance that you gave. Leave this window in front until the end."),
    );
    this.state.origin = performance.timeOrigin + performance.now();
  }

  async resume() {
    const { state, told } = this;
    state.resumed += 1;
    const next = state.trials.length;
    if (next >= told.trials.length) return;
    this.running = true;
    this.note("reload");
    this.running = false;
    await this.ask(
      "Go on",
      element("h3", {}, `Trial ${next + 1} of ${told.trials.length}`),
      element("p", {}, "The page was loaded anew. The block goes on where it was last kept."),
    );
  }

  // A box to be made as large as a bank card; on a narrow screen the card stands upright.
  async calibrate() {
    const upright = this.root.clientWidth < 480;
    const wide = upright ? CARD_MM[1] : CARD_MM[0];
    const high = upright ? CARD_MM[0] : CARD_MM[1];
    const card = element("div", { class: "card", role: "img", "aria-label": "A box as large as a bank card" });
    const most = Math.max(2, Math.min(12, (this.root.clientWidth - 8) / wide));
    const size = element("input", {
      type: "range", id: "card", min: "2", max: String(most), step: "0.01", value: String(Math.min(PX_PER_MM, most)),
    });
    const draw = () => {
      card.style.width = `${size.value * wide}px`;
      card.style.height = `${size.value * high}px`;
      size.setAttribute("aria-valuetext", `${Number(size.value).toFixed(2)} pixels per millimetre`);
    };
    size.addEventListener("input", draw);
    draw();
    const distance = element("input", { type: "number", id: "distance", min: "10", max: "500", step: "1", value: "57" });
    const skip = element("button", { type: "button" }, "Skip");
    const done = this.ask(
      "Use this size",
      element("h3", {}, "How large is your screen?"),
      element("p", {}, "Hold a bank card to the screen and make the box as large: drag the slider, or use the arrow keys."),
      element("label", { for: "card" }, "Size of the box"),
      size,
      card,
      element("label", { for: "distance" }, "From your eyes to the screen (cm)"),
      distance,
    );
    this.panel.lastChild.append(skip);
    const skipped = new Promise((resolve) => skip.addEventListener("click", () => resolve("skip"), { once: true }));
    const cm = () => Number(distance.value);
    if ((await Promise.race([done, skipped])) === "skip" || !(cm() >= 10 && cm() <= 500)) return null;
    return { px_per_mm: rounded(Number(size.value)), distance_mm: rounded(cm() * 10) };
  }

  async phase(trials, results, practice) {
    this.fit();
    this.decode(trials[results.length]);
    this.running = true;
    this.watch();
    while (results.length < trials.length) {
      const index = results.length;
      if (!practice && index && index % this.told.break_every === 0) await this.rest(index, trials.length);
      await this.attentive();
      const name = practice ? "Practice" : "Trial";
      this.status.textContent = `${name} ${index + 1} of ${trials.length}`;
      results.push({ index, ...(await this.trial(trials[index], trials[index + 1], practice)) });
      trials[index].bitmap = trials[index].png = null;
      if (!practice && results.length % this.told.checkpoint === 0) this.checkpoint();
    }
    this.running = false;
  }

  async rest(index, n) {
    this.checkpoint();
    this.note("break");
    await this.ask("Go on", element("h3", {}, "A break"), element("p", {}, `${index} of ${n} trials are done. Rest.`));
    this.show(true);
  }

  // Nothing is shown to a window that is not in front.
  async attentive() {
    while (document.hidden || !document.hasFocus()) {
      await this.ask("Go on", element("h3", {}, "This window was left"), element("p", {}, "Come back when you like."));
    }
    this.show(true);
    if (!this.buttons.includes(this.root.getRootNode().activeElement)) this.canvas.focus({ preventScroll: true });
  }

  decode(trial) {
    if (trial && !trial.bitmap) trial.bitmap = createImageBitmap(new Blob([trial.png], { type: "image/png" }));
  }

  async trial(trial, next, practice) {
    const bitmap = await trial.bitmap;
    const { usual } = this.state.frames;
    const open = { onset: null, early: 0, done: false };
    const answered = new Promise((resolve) => (open.resolve = resolve));
    const begin = await this.frame();
    this.clear();
    this.cross();
    this.open = open;
    const before = { blurs: this.blurs, slow: this.state.frames.n_slow };
    while ((await this.frame()) - begin < trial.foreperiod - usual / 2);
    this.paint(bitmap); // in this frame
    open.onset = await this.frame(); // the one after it
    this.decode(next);
    if (this.told.shown_ms !== null) await this.until(open, open.onset + this.told.shown_ms - usual / 2);
    await answered;
    this.open = null;
    this.clear();
    const found = {
      response: open.response, onset: this.now(open.onset), rt: rounded(open.rt), input: open.input, early: open.early,
      blurred: this.blurs > before.blurs, slow: this.state.frames.n_slow - before.slow,
    };
    if (practice) await this.feedback(open.response === trial.correct, trial.correct);
    return found;
  }

  // Take the picture away at a time; sooner where it is answered.
  async until(open, end) {
    while (!open.done && (await this.frame()) < end);
    this.clear();
  }

  async feedback(right, correct) {
    const label = this.told.answers.find((answer) => answer.value === correct).label;
    this.status.textContent = right ? "Right." : `Wrong: ${label}.`;
    const pen = this.canvas.getContext("2d");
    pen.fillStyle = this.ink;
    pen.font = `${Math.round(20 * this.ratio)}px sans-serif`;
    pen.textAlign = "center";
    pen.fillText(this.status.textContent, this.canvas.width / 2, this.canvas.height / 2);
    await new Promise((resolve) => setTimeout(resolve, FEEDBACK_MS));
    if (this.stopped) await new Promise(() => {});
  }

  // -- drawing ---------------------------------------------------------------------------------------------

  // The picture as large as it should be in degrees, or as the window allows; where pixels count, by whole numbers.
  fit() {
    const { told, state } = this;
    const scale = state.calibration ?? { px_per_mm: PX_PER_MM, distance_mm: DISTANCE_MM };
    const wanted = told.side_deg * scale.px_per_mm * scale.distance_mm * 2 * Math.tan(Math.PI / 360);
    this.show(true);
    const around = this.answers.offsetHeight + this.status.offsetHeight + HEADER_PX;
    const room = Math.max(160, Math.min(this.root.clientWidth - 8, window.innerHeight - around));
    this.ratio = window.devicePixelRatio || 1;
    let pixels = Math.round(Math.min(wanted, room) * this.ratio);
    if (told.exact_pixels) {
      const most = Math.max(1, Math.floor((room * this.ratio) / told.picture_px));
      pixels = told.picture_px * Math.max(1, Math.min(most, Math.round((wanted * this.ratio) / told.picture_px)));
    }
    this.side = pixels / this.ratio;
    this.canvas.width = this.canvas.height = pixels;
    this.canvas.style.width = this.canvas.style.height = `${this.side}px`;
    this.ink = told.ink;
    this.clear();
    this.root.scrollIntoView({ block: "start" });
  }

  clear() {
    const pen = this.canvas.getContext("2d");
    pen.fillStyle = this.told.background;
    pen.fillRect(0, 0, this.canvas.width, this.canvas.height);
  }

  cross() {
    const pen = this.canvas.getContext("2d");
    const [middle, arm, width] = [this.canvas.width / 2, 10 * this.ratio, 2 * this.ratio];
    pen.fillStyle = this.ink;
    pen.fillRect(middle - arm, middle - width / 2, 2 * arm, width);
    pen.fillRect(middle - width / 2, middle - arm, width, 2 * arm);
  }

  paint(bitmap) {
    const pen = this.canvas.getContext("2d");
    pen.imageSmoothingEnabled = !this.told.exact_pixels;
    pen.imageSmoothingQuality = "high";
    pen.drawImage(bitmap, 0, 0, this.canvas.width, this.canvas.height);
  }

  // -- keeping and sending ---------------------------------------------------------------------------------

  checkpoint() {
    try {
      sessionStorage.setItem(STORE + this.told.id, JSON.stringify(this.state));
    } catch {
      this.status.textContent = "This browser keeps no checkpoint: do not load the page anew.";
    }
  }

  deliver() {
    const { state, told } = this;
    const { n, sum, squares, longest, dropped, slow, usual } = state.frames;
    const mean = sum / n;
    const result = {
      id: told.id, practice: state.practice, trials: state.trials, events: state.events,
      calibration: state.calibration, resumed: state.resumed,
      frames: {
        usual_ms: rounded(usual), n, mean_ms: rounded(mean), longest_ms: rounded(longest), dropped, slow,
        sd_ms: rounded(Math.sqrt(Math.max(0, squares / n - mean * mean))),
      },
      screen: {
        width_px: screen.width, height_px: screen.height, device_pixel_ratio: window.devicePixelRatio,
        picture_px: rounded(this.side ?? 1),
      },
    };
    this.panel.replaceChildren(element("h3", {}, "Done"), element("p", {}, "Your answers are being kept."));
    this.show(false);
    this.status.textContent = "Sending...";
    this.send(JSON.stringify(result));
  }
}
