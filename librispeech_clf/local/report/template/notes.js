// Notes on utterances: a tag or a sentence each, kept in this browser, exported with the CSV.

const NOTES_KEY = `notes ${payload.report_id}`;
const noteColumn = addNoteColumn();

function addNoteColumn() {
  const values = payload.ids.map((_, row) => payload.notes[row] ?? "");
  const stored = readStoredNotes();
  payload.ids.forEach((id, row) => {
    if (id in stored) values[row] = stored[id];
  });
  addTextColumn("note", "note", values);
  const column = columns.get("note");
  column.search = "note review tag";
  return column;
}

function readStoredNotes() {
  try {
    return JSON.parse(localStorage.getItem(NOTES_KEY)) ?? {};
  } catch {
    return {}; // no storage, or not ours: the notes of the file stand
  }
}

// Keeps a note; false where the browser keeps nothing.
function keepNote(row, text) {
  noteColumn.values[row] = text;
  try {
    localStorage.setItem(NOTES_KEY, JSON.stringify({ ...readStoredNotes(), [payload.ids[row]]: text }));
    return true;
  } catch {
    return false;
  }
}

function makeNoteEditor(row) {
  const kept = "Kept in this browser and exported with the CSV; evaluate --notes FILE reads it again.";
  const told = make("p", { class: "note", role: "status" }, kept);
  const area = make("textarea", { id: "note", rows: 2, placeholder: "A tag or a sentence" });
  area.value = noteColumn.values[row];
  area.addEventListener("input", () => {
    const isKept = keepNote(row, area.value.trim());
    told.textContent = isKept
      ? kept
      : "This browser keeps nothing: export the CSV before you close the page.";
  });
  return make(
    "section",
    { class: "aligned" },
    make("h3", {}, make("label", { for: "note" }, "Note")),
    area,
    told,
  );
}
