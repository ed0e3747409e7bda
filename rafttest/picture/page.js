// Draws the rows that are visible, and goes from step to step. All drawing of rows was done before:
// the script places them, and draws what spans several rows.
const $ = id => document.getElementById(id);
const anchor = 10; // where arrows meet a row, from its top
const inset = 24; // from the left side of a lane to the node's line
const overscan = 40; // rows drawn beyond what is visible
let data, tops, shown, hidden, step = 0, drawn = [0, 0];

const escape = text => text.replace(/[&<>"]/g, c => ({"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;"})[c]);

// layOut finds out which rows are shown, and where each begins. A hidden row is where the next one
// that is shown begins. The rows of a command are as high together as its words.
function layOut() {
	const nodes = new Set([...document.querySelectorAll("#nodes input:checked")].map(box => Number(box.value)));
	const type = $("type").value, all = nodes.size === data.lanes.length && !type;
	tops = []; shown = []; hidden = [];
	let y = 0, top = 0, begin = 0, block = -1;
	data.rows.forEach((row, i) => {
		const here = all || (row.n === 0 ? (row.t ?? []).length === 0 || (row.t ?? []).includes(type) || !type : nodes.has(row.n)) &&
			(!type || row.n === 0 || (row.t ?? []).includes(type));
		if (here && row.b !== block) {
			if (block >= 0) y = Math.max(y, begin + data.blocks[block]);
			begin = y;
			block = row.b;
		}
		if (!here || !row.j) top = y;
		tops.push(top);
		hidden.push(!here);
		if (here) { shown.push(i); y = Math.max(y, top + row.h); }
	});
	if (block >= 0) y = Math.max(y, begin + data.blocks[block]);
	tops.push(y);
	$("picture").setAttribute("height", y + 10);
	$("picture").setAttribute("width", data.width);
	$("names").setAttribute("width", data.width);
	$("names").innerHTML = data.lanes.map(lane => `<text class="lane-name" x="${lane.x - 8}" y="17">${lane.name}</text>`).join("");
	drawn = [0, 0];
	draw();
}

// firstShown is the position in shown of the first row that begins at y or below it.
function firstShown(y) {
	let low = 0, high = shown.length;
	while (low < high) {
		const middle = (low + high) >> 1;
		if (tops[shown[middle]] < y) low = middle + 1; else high = middle;
	}
	return low;
}

// draw draws the rows around what is visible, if they are not drawn already.
function draw() {
	const offset = $("picture").getBoundingClientRect().top - $("scroll").getBoundingClientRect().top;
	let first = Math.max(firstShown(-offset) - data.lanes.length, 0), last = firstShown(-offset + $("scroll").clientHeight) + 1;
	if (first >= drawn[0] && Math.min(last, shown.length) <= drawn[1]) return;
	first = Math.max(first - overscan, 0);
	last = Math.min(last + overscan, shown.length);
	drawn = [first, last];
	[$("lines").innerHTML, $("arrows").innerHTML, $("rows").innerHTML] = drawRows(first, last);
}

// drawRows draws rows, and the lines and arrows that belong to them.
function drawRows(first, last) {
	const from = shown[first] ?? 0, to = last > first ? shown[last - 1] + 1 : 0;
	const nodes = new Set([...document.querySelectorAll("#nodes input:checked")].map(box => Number(box.value))), type = $("type").value;
	return [
		data.lines.filter(line => line.f < to && line.t > from).map(line => drawLine(line, from, to)),
		data.arrows.filter(a => a.f < to && a.t >= from && (!type || a.m === type) && a.n.some(id => nodes.has(id))).map(drawArrow),
		shown.slice(first, last).map(i => `<g id="row-${i + 1}" transform="translate(0 ${tops[i]})">${data.rows[i].s}</g>`),
	].map(parts => parts.join(""));
}

// drawLine draws a part of a node's line, cut to the rows that are drawn.
function drawLine(line, from, to) {
	const top = tops[Math.max(line.f, from)], end = tops[Math.min(line.t, to)];
	const y1 = line.f >= from ? top + anchor : top, y2 = line.t < Math.min(to + 1, tops.length - 1) ? end + anchor : end;
	return (line.s > 1 ? `<rect class="side" x="${line.x - inset}" y="${y1}" width="${line.w - 4}" height="${Math.max(y2 - y1, 0)}"/>` : "") +
		`<path class="line ${line.c}" d="M${line.x} ${y1}V${y2}"/>`;
}

function drawArrow(a) {
	// It begins at the lower end of its row, if that is shown: a message leaves when all else in the row is done.
	const y1 = tops[a.f] + (hidden[a.f] ? anchor : data.rows[a.f].h + a.r);
	const far = a.f === a.t ? y1 : tops[Math.min(a.t, tops.length - 1)] + anchor;
	const x2 = a.x1 + (a.x2 - a.x1) * a.p, y2 = y1 + (far - y1) * a.p, path = `M${a.x1} ${y1}L${x2} ${y2}`;
	return `<g class="${a.c}"><title>${escape(a.w)}</title><path class="hit" d="${path}"/><path d="${path}"/><path class="head" d="${head(a.x1, y1, x2, y2, a.c)}"/></g>`;
}

// head is the head of an arrow, or a cross for a message that does not arrive.
function head(x1, y1, x2, y2, looks) {
	const length = Math.max(Math.hypot(x2 - x1, y2 - y1), 1), dx = (x2 - x1) / length, dy = (y2 - y1) / length;
	const at = (along, across) => `${(x2 + along * dx - across * dy).toFixed(1)} ${(y2 + along * dy + across * dx).toFixed(1)}`;
	const is = look => looks.split(" ").includes(look);
	if (is("lost")) return `M${at(-4, -4)}L${at(4, 4)}M${at(-4, 4)}L${at(4, -4)}`;
	if (is("in-flight")) return `M${at(-3, -3)}L${at(1, 0)}L${at(-3, 3)}`;
	if (is("reject") || is("refused")) return `M${at(-8, -4)}L${at(-2, 0)}L${at(-8, 4)}M${at(-1, -5)}L${at(-1, 5)}`;
	return `M${at(-9, -4)}L${at(-2, 0)}L${at(-9, 4)}Z`;
}

// toPaper draws everything, in pieces that end where a row ends and fit on a sheet of paper. Each has
// the names of the nodes.
function toPaper() {
	const most = data.width * 1.3, pieces = [];
	for (let first = 0; first < shown.length;) {
		const top = tops[shown[first]], room = first ? most : most * .8; // the first one is below the words
		let last = first + 1;
		while (last < shown.length && tops[shown[last]] + data.rows[shown[last]].h - top <= room) last++;
		while (last < shown.length && last > first + 1 && tops[shown[last]] === tops[shown[last - 1]]) last--; // rows side by side stay together
		const end = last < shown.length ? tops[shown[last]] : tops.at(-1);
		pieces.push(`<svg class="raft" viewBox="0 ${top - 26} ${data.width} ${end - top + 26}">${drawRows(first, last).join("")}
			<rect class="ground" y="${top - 26}" width="${data.width}" height="26"/><g transform="translate(0 ${top - 26})">${$("names").innerHTML}</g></svg>`);
		first = last;
	}
	$("pages").innerHTML = pieces.join("");
}

const name = id => data.lanes.find(lane => lane.id === id).name;

// A past is the nodes after some changes. Pasts are kept at intervals, and the last one besides, so
// that a step needs few changes.
const interval = 400;
let pasts, now;

const clone = past => ({at: past.at, nodes: new Map([...past.nodes].map(([id, n]) => [id, {...n, log: n.log.slice()}]))});

// states are the nodes after a row.
function states(row) {
	if (now.at > 0 && data.states[now.at - 1].i > row) {
		let last = pasts.length - 1;
		while (last > 0 && data.states[pasts[last].at - 1].i > row) last--;
		now = clone(pasts[last]);
	}
	for (; now.at < data.states.length && data.states[now.at].i <= row; ) {
		change(now.nodes.get(data.states[now.at].n), data.states[now.at]);
		now.at++;
		if (now.at === pasts.length * interval) pasts.push(clone(now));
	}
	return now.nodes;
}

// change applies a change to a node: of its log, what is before the first index or from the place of
// the change on goes.
function change(n, c) {
	if (c.s) n.status = c.s;
	if (!c.l) return;
	if (c.l.f > n.first) n.log.splice(0, c.l.f - n.first);
	else if (c.l.f < n.first) n.log = [];
	n.log.length = Math.min(n.log.length, c.l.a - c.l.f);
	(c.l.e ?? []).forEach((term, i) => n.log.push([term, c.l.x[i]]));
	n.first = c.l.f;
	n.before = c.l.t;
}

// showState shows the nodes after the step in a table: a column for each index of the log.
function showState() {
	const nodes = states(step), row = data.rows[step];
	const last = Math.max(...[...nodes.values()].map(n => n.first + n.log.length - 1)), columns = 24;
	let first = Math.min(...[...nodes.values()].filter(n => n.status).map(n => Math.max(n.first - 1, 1)), last);
	first = Math.max(first, last - columns + 1, 1);
	const indexes = Array.from({length: Math.max(last - first + 1, 0)}, (_, i) => first + i);
	$("state").querySelector("thead").innerHTML = "<tr><th></th><th>role</th><th>vote</th><th>leader</th><th>commit</th><th>applied</th>" +
		indexes.map(i => `<th class="of-log">${i}</th>`).join("") + "<th>configuration</th></tr>";
	$("state").querySelector("tbody").innerHTML = [...nodes].map(([id, n]) => {
		const s = n.status ?? {look: "down", title: data.states.some(c => c.n === id) ? "not started" : "not watched", config: ""}, up = s.term !== undefined && s.look !== "down";
		const cells = indexes.map(i => drawEntry(i, n, s)).join("");
		const cell = v => `<td>${up && v ? v : ""}</td>`;
		return `<tr class="${id === row.n ? "here" : ""}"><th>${name(id)}</th><td class="role ${s.look}">${s.title}</td>` +
			cell(s.vote) + cell(s.lead) + cell(s.commit) + cell(s.applied) + cells + `<td>${escape(s.config && up ? s.config : "")}</td></tr>`;
	}).join("");
	$("verdict").textContent = [...nodes].filter(([, n]) => leads(n)).map(([id, n]) => verdict(id, n, nodes)).join(" ");
	$("step-title").textContent = `Step ${step + 1}` + (row.n ? `, ${name(row.n)}` : "") + `: ${row.w}`;
	$("step-detail").textContent = row.d ?? "";
}

const leads = n => n.status?.look.split(" ")[0] === "leader";

// verdict says how far a leader has committed its log, and at which voters the next entry is durable.
function verdict(leader, l, nodes) {
	const index = l.status.commit + 1, entry = l.log[index - l.first], rivals = [...nodes.values()].filter(n => leads(n) && n.status.term > l.status.term);
	const stale = rivals.length ? ` It does not know of the leader of term ${Math.max(...rivals.map(n => n.status.term))}.` : "";
	if (!entry) return `${name(leader)} leads term ${l.status.term} and has committed all of its log.${stale}`;
	const has = id => {
		const n = nodes.get(id), end = n?.status?.durable ?? 0;
		return n && index <= end && (index < n.first || n.log[index - n.first]?.[0] === entry[0]);
	};
	const halves = (l.status.v ?? []).map(ids => ({ids, have: ids.filter(has), need: (ids.length >> 1) + 1}));
	const watched = new Set(data.states.map(c => c.n));
	if (halves.length === 0 || halves.some(h => h.ids.some(id => !watched.has(id)))) return "";
	const words = halves.map(h => `${h.have.length ? h.have.map(name).join(", ") : "no voter"}: ${h.have.length} of ${h.ids.length} voters, ${h.need} are a majority`);
	const why = halves.some(h => h.have.length < h.need) ? ""
		: entry[0] < l.status.term ? ` It is from an earlier term: ${name(leader)} commits it with an entry of term ${l.status.term} (thesis §3.6.2).`
		: ` ${name(leader)} has yet to hear of that.`;
	return `Entry ${index} (term ${entry[0]}) of ${name(leader)} is not committed. It is durable at ${words.join("; and at ")}.${why}${stale}`;
}

function drawEntry(index, n, s) {
	if (index === n.first - 1 && n.before) return `<td class="before" title="the log begins behind entry ${index} of term ${n.before}">${n.before}▕</td>`;
	const entry = n.log[index - n.first];
	if (!entry) return "<td></td>";
	const marks = [index > s.durable && "volatile", index <= s.commit && "committed", index <= s.applied && "applied"].filter(Boolean);
	const title = [`entry ${index} of term ${entry[0]}`, entry[1], ...marks.map(m => m === "volatile" ? "not durable" : m)].filter(Boolean).join(", ");
	return `<td class="entry t${entry[0] ? (entry[0] - 1) % 6 + 1 : 0} ${marks.join(" ")}" title="${escape(title)}">${entry[0]}</td>`;
}

// go makes a row the current one, and puts its number into the address.
function go(row, keepAddress) {
	step = Math.min(Math.max(row, 0), data.rows.length - 1);
	const here = $("here"), top = tops[step], height = data.rows[step].h, lane = data.lanes.find(l => l.id === data.rows[step].n);
	here.setAttribute("x", lane ? lane.x - inset : 0);
	here.setAttribute("y", top);
	here.setAttribute("width", lane ? lane.w - 4 : data.width);
	here.setAttribute("height", hidden[step] ? 0 : height);
	const box = $("scroll"), offset = $("picture").getBoundingClientRect().top - box.getBoundingClientRect().top + box.scrollTop + top;
	if (offset < box.scrollTop + 60) box.scrollTop = step ? offset - 90 : 0;
	else if (offset + height > box.scrollTop + box.clientHeight - 20) box.scrollTop = offset - box.clientHeight * .4;
	if (lane) {
		const left = lane.x - inset - 10, right = left + lane.w + 10;
		if (left < box.scrollLeft) box.scrollLeft = left;
		else if (right > box.scrollLeft + box.clientWidth) box.scrollLeft = Math.min(left, right - box.clientWidth);
	}
	draw();
	showState();
	$("where").value = `step ${step + 1} of ${data.rows.length}`;
	if (!keepAddress) history.replaceState(null, "", hash());
}

const hash = () => "#" + (groups.length > 1 ? `group-${data.group}-` : "") + `step-${step + 1}`;

// move goes by shown rows; command goes to the next or the last row with which a command begins, or,
// in what has no commands, ten rows on or back.
function move(by) {
	const at = shown.findIndex(i => i >= step), here = shown[at] === step;
	go(shown[Math.min(Math.max((at < 0 ? shown.length : at) + (by > 0 && !here ? by - 1 : by), 0), shown.length - 1)] ?? step);
}

function command(by) {
	if (data.blocks.length < 2) return move(10 * by);
	const begins = shown.filter((i, at) => at === 0 || data.rows[i].b !== data.rows[shown[at - 1]].b);
	go((by > 0 ? begins.find(i => i > step) : begins.findLast(i => i < step)) ?? step);
}

const keys = {
	j: () => move(1), ArrowDown: () => move(1), k: () => move(-1), ArrowUp: () => move(-1), ArrowRight: () => move(1), ArrowLeft: () => move(-1),
	n: () => command(1), p: () => command(-1), PageDown: () => command(1), PageUp: () => command(-1),
	Home: () => go(shown[0] ?? 0), End: () => go(shown[shown.length - 1] ?? 0),
};

document.addEventListener("keydown", event => {
	if (event.target.tagName === "SELECT" || event.ctrlKey || event.metaKey || event.altKey) return;
	const act = keys[event.key];
	if (!act) return;
	event.preventDefault();
	act();
});

// choose shows a group.
function choose(group) {
	data = groups.find(g => g.group === group) ?? groups[0];
	pasts = [{at: 0, nodes: new Map(data.lanes.map(lane => [lane.id, {first: 1, log: [], before: 0}]))}];
	now = clone(pasts[0]);
	$("group").value = data.group;
	$("nodes").innerHTML = data.lanes.map(lane => `<label><input type="checkbox" value="${lane.id}" checked> ${lane.name.split(" ")[1]}</label>`).join("");
	const types = [...new Set(data.rows.flatMap(row => row.t ?? []))].sort();
	$("type").innerHTML = `<option value="">all</option>` + types.map(type => `<option>${type}</option>`).join("");
	layOut();
}

// follow goes to what the address says.
function follow() {
	const [, group, row] = location.hash.match(/^#(?:group-(\d+)-)?step-(\d+)$/) ?? [];
	if (!data || group && Number(group) !== data.group) choose(Number(group ?? groups[0].group));
	go(row ? row - 1 : 0, true);
}

$("group").innerHTML = groups.map(g => `<option>${g.group}</option>`).join("");
$("group-label").hidden = groups.length < 2;
$("group").addEventListener("change", () => { choose(Number($("group").value)); go(0); });
$("nodes").addEventListener("change", () => { layOut(); go(step); });
$("type").addEventListener("change", () => { layOut(); go(step); });
$("back").addEventListener("click", () => move(-1));
$("on").addEventListener("click", () => move(1));
$("scroll").addEventListener("scroll", () => draw());
$("picture").addEventListener("click", event => {
	if (event.target.closest("a")) return;
	const box = $("picture").getBoundingClientRect(), x = event.clientX - box.left, y = event.clientY - box.top;
	const lane = data.lanes.find(l => x >= l.x - inset && x < l.x - inset + l.w);
	const above = shown.slice(0, firstShown(y + 1)).slice(-data.lanes.length); // the rows that begin above the pointer
	const at = above.findLast(i => lane && data.rows[i].n === lane.id && y < tops[i] + data.rows[i].h) ?? above.at(-1);
	if (at !== undefined) go(at);
});
addEventListener("resize", () => draw());
addEventListener("hashchange", follow);
addEventListener("beforeprint", toPaper);
addEventListener("afterprint", () => { $("pages").innerHTML = ""; drawn = [0, 0]; draw(); });
follow();
$("scroll").focus();
