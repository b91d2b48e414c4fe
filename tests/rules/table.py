"""The rules of a key and of a trace: each with a change of the source that switches it off, and tests that must fail.

The changes are texts that stand once in their file. In a Rust source, `OFF` in the new text is true while the
rule is off. `mutations.py` makes the changes.
"""

from __future__ import annotations

from dataclasses import dataclass

STALE = "tests/never_stale/test_must_recompute.py"
THEMES = "tests/never_stale/test_edits_by_theme.py"
SESSIONS = "tests/hosts/test_ipython.py"
LIVE = "python/hozon/hosts/_live.py"
HITS = "tests/never_stale/test_must_hit.py"
PINS = "tests/distributions/test_pins.py"
BUILD = "crates/hozon-python/src/reach_build.rs"
EXPAND = "crates/hozon-python/src/reach_expand.rs"
CLASS = "crates/hozon-python/src/reach_class.rs"
UNSEEN = "crates/hozon-python/src/reach_unseen.rs"
PLANTED = "crates/hozon-python/src/reach_planted.rs"
IMPORT = "crates/hozon-python/src/reach_import.rs"
CODE = "crates/hozon-python/src/code.rs"
WALK = "crates/hozon-python/src/walk.rs"
SOURCES = "python/hozon/_sources.py"
ARRAYS = "python/hozon/codecs/numpy.py"
CALLS = "tests/functions/test_persistent_cache.py"
TRACES = "tests/never_stale/test_traces.py"
EFFECTS = "tests/faithful/test_effects.py"
CHANGES = "tests/faithful/test_changes.py"
HANDLES = "tests/never_stale/test_handles.py"
TRACE = "crates/hozon-python/src/trace_build.rs"
LOG = "crates/hozon-python/src/watch/log.rs"
RECORDER = "crates/hozon-python/src/watch/recorder.rs"
WATCHING = "python/hozon/_watching.py"
RUNNING = "python/hozon/_running.py"
RANDOMNESS = "python/hozon/_randomness.py"
RESULTS = "python/hozon/_results.py"
IN_PLACE = "python/hozon/_changes.py"
STATE = "crates/hozon-python/src/process_state.rs"
CALLS_OF_C = "crates/hozon-python/src/watch/import_tables/calls.rs"
STATES = "tests/never_stale/test_process_state.py"
CELLS = "python/hozon/_cells.py"
SETTINGS = "python/hozon/_settings.py"
RECIPE = "crates/hozon-engine/src/notebook/recipe.rs"
SET_BY_RUNNING = "tests/notebooks/test_set_by_running.py"
RUNS = "tests/notebooks/test_runs.py"
SHARED_VALUES = "tests/notebooks/test_shared_values.py"
MARIMO_SCRIPTS = "tests/notebooks/test_marimo_scripts.py"
CELLS_IN_RUST = "crates/hozon-python/src/cells.rs"
MODULE = "crates/hozon-syntax/src/module.rs"
AUDIT = "crates/hozon-python/src/watch/audit.rs"


@dataclass(frozen=True)
class Rule:
    """One rule: where it stands, the text that is replaced, and the tests that must fail then."""

    name: str
    file: str
    old: str
    new: str
    tests: str
    # Which of them, as pytest's `-k` takes it.
    chosen: str = ""

    @property
    def is_native(self) -> bool:
        """Whether it stands in the extension, where it has a switch."""
        return self.file.endswith(".rs")


# What a key holds.
KEYS = [
    Rule("options of libraries count", STATE, "    if aspects.of_recipes() == 0 {",
         "    if OFF || aspects.of_recipes() == 0 {", STATES, "prec or options"),
    Rule("values among the built-ins count", BUILD, "|| is_plain(&found) => {", "|| (!OFF && is_plain(&found)) => {",
         THEMES, "built-in"),
    Rule("defaults count", BUILD, "        for (name, value) in defaults(function)? {",
         "        for (name, value) in defaults(function)?.into_iter().filter(|_| !OFF) {", STALE, "default"),
    Rule("decorators count", BUILD, "            counted.push(decorator.digest);\n            self.fragment_edges(decorator, scope, edges)?;",
         "            if OFF { continue; }\n            counted.push(decorator.digest);\n            self.fragment_edges(decorator, scope, edges)?;", THEMES, "decorator or dataclass"),
    Rule("closures count", BUILD, "        if let Some(cell) = scope.cells.get(name) {",
         "        if OFF && scope.cells.contains_key(name) { return Ok(()); }\n        if let Some(cell) = scope.cells.get(name) {", STALE, "closure"),
    Rule("globals count by value", "crates/hozon-python/src/reach.rs", "node_digest(slot.kind, &slot.label, Some(digest), &[]))\n            .collect();",
         "node_digest(slot.kind, &slot.label, Some(digest).filter(|_| !OFF), &[]))\n            .collect();", STALE, "constant or global"),
    Rule("helpers count by their code", BUILD, "        definition.own = own;",
         "        definition.own = if OFF { named_digest(\"x\") } else { own };", STALE, "helper"),
    Rule("what helpers reach counts", BUILD, "            let edges = self.expand(number, &object)?;",
         "            let mut edges = self.expand(number, &object)?;\n            if OFF && number != 0 { edges.clear(); }", STALE, "another and import and helper"),
    Rule("modules are followed by attribute", BUILD, "        while used < path.len() && object.is_instance_of::<PyModule>()",
         "        while used < (if OFF { 1 } else { path.len() }) && object.is_instance_of::<PyModule>()", HITS, "module"),
    Rule("computed names bring the whole module", BUILD, "        if uses_dynamic_names {",
         "        if !OFF && uses_dynamic_names {", THEMES, "globals"),
    Rule("a shadowed built-in counts", BUILD, "            Some(found) if reach::is_local_definition(&found)? ||",
         "            Some(found) if (!OFF && reach::is_local_definition(&found)?) ||", THEMES, "built-in"),
    Rule("a default that has no digest goes by its source", BUILD, "                Err(Refusal::Undigestible { .. }) => edges.push(named(label, \"default by its source\")),",
         "                Err(Refusal::Undigestible { .. }) if !OFF => edges.push(named(label, \"default by its source\")),", CALLS, "sentinel"),
    Rule("a connection goes by its statements", "crates/hozon-python/src/reach_path.rs", "        hasher.update(statement.digest.as_bytes());",
         "        if !OFF { hasher.update(statement.digest.as_bytes()); }", STALE, "connection"),
    Rule("attributes of functions count", BUILD, "            Some(value) => self.value_edge(&value, format!(\"{label}.{attribute}\"), attribute, None, edges),",
         "            Some(_) if OFF => Ok(()),\n            Some(value) => self.value_edge(&value, format!(\"{label}.{attribute}\"), attribute, None, edges),", STALE, "attribute"),
    Rule("registries of single dispatch count", BUILD, "            self.lenient_edge(&registry, \"registry\", function.as_ptr() as usize, &mut edges)?;",
         "            if !OFF { self.lenient_edge(&registry, \"registry\", function.as_ptr() as usize, &mut edges)?; }", THEMES, "dispatch"),
    Rule("bases of classes count", EXPAND, "            self.target_edges(&base?, \"base\", &[], &mut edges)?;",
         "            let base = base?;\n            if !OFF { self.target_edges(&base, \"base\", &[], &mut edges)?; }", THEMES, "base"),
    Rule("metaclasses count", EXPAND, "        self.target_edges(class.get_type().as_any(), \"metaclass\", &[], &mut edges)?;",
         "        if !OFF { self.target_edges(class.get_type().as_any(), \"metaclass\", &[], &mut edges)?; }", THEMES, "metaclass"),
    Rule("attributes of classes count", EXPAND, "        self.lenient_edge(value, &label, class.as_ptr() as usize, edges)\n    }\n\n    /// A module that",
         "        if OFF { return Ok(()); }\n        self.lenient_edge(value, &label, class.as_ptr() as usize, edges)\n    }\n\n    /// A module that", THEMES, "class and attribute"),
    Rule("methods from elsewhere count", EXPAND, "            } else if !reach_class::is_generated(class, function)? {",
         "            } else if !OFF && !reach_class::is_generated(class, function)? {", THEMES, "method"),
    Rule("registered classes of an abstract base count", EXPAND, "            self.target_edges(&registered, \"registered class\", &[], &mut edges)?;",
         "            if !OFF { self.target_edges(&registered, \"registered class\", &[], &mut edges)?; }", THEMES, "ABC"),
    Rule("parts of values without a digest count", BUILD, "self.parts_edge(address, &label, value, edges)?;",
         "if !OFF { self.parts_edge(address, &label, value, edges)?; }", THEMES, "lock"),
    Rule("variables in texts of queries count", MODULE, "walker.queries = Some(&queries);",
         "walker.queries = Some(&queries).filter(|_| !OFF);", THEMES, "query"),
    Rule("private names of marimo's cells count", BUILD, "if !is_private(name) ||",
         "if OFF || !is_private(name) ||", MARIMO_SCRIPTS, "private"),
    Rule("marimo's cells are the code that runs", SOURCES, 'if module_name == "__main__" and "marimo" in sys.modules:',
         "if False:", MARIMO_SCRIPTS, "second_run"),
    Rule("bodies of classes count", CODE, "        let mut chosen: Vec<&Definition> = candidates",
         "        if OFF { candidates.clear(); }\n        let mut chosen: Vec<&Definition> = candidates", THEMES, "__hash__"),
    Rule("imports in bodies count", IMPORT, "        let Some(module_name) = absolute_name(scope, import)? else { return Ok(()) };",
         "        if OFF { return Ok(()); }\n        let Some(module_name) = absolute_name(scope, import)? else { return Ok(()) };", STALE, "imported"),
    Rule("what is read of an import in a body counts", IMPORT, "            self.follow(&start, path, Some((address as usize, namespace.clone())), edges)?;",
         "            if OFF { continue; }\n            self.follow(&start, path, Some((address as usize, namespace.clone())), edges)?;", STALE, "imported"),
    Rule("of an import in a body, only what is read counts", "crates/hozon-syntax/src/scope.rs", "            import.uses = Some(uses).filter(|uses|",
         "            import.uses = Some(uses).filter(|uses| !OFF &&", THEMES, "unrelated and import"),
    Rule("an import in a body may be for what it does", "crates/hozon-syntax/src/scope.rs", "!uses.is_empty());",
         "(OFF || !uses.is_empty()));", THEMES, "state and body"),
    Rule("computed names may be of an import in a body", "crates/hozon-syntax/src/walk.rs", "        if own.is_some_and(Collector::is_dynamic) ||",
         "        if !OFF && own.is_some_and(Collector::is_dynamic) ||", THEMES, "body and eval"),
    Rule("what a loaded module changes is looked at again", "crates/hozon-python/src/reach.rs", "        if made.is_err() || walker.modules_loaded == loaded {",
         "        if OFF || made.is_err() || walker.modules_loaded == loaded {", THEMES, "replaced and body"),
    Rule("what is put on a library's class counts", PLANTED, "                        if counted.attributes.insert(",
         "                        if !OFF && counted.attributes.insert(", THEMES, "put and library"),
    Rule("special methods put on a library's class count", PLANTED, "            is_special(name)\n",
         "            (!OFF && is_special(name))\n", THEMES, "operator and library"),
    Rule("registrations with abstract classes are looked at again", EXPAND,
         "            self.reached.guards.push(Guard::registered(class.py())?);",
         "            if !OFF { self.reached.guards.push(Guard::registered(class.py())?); }",
         "tests/functions/test_memory_cache.py", "registered_after"),
    Rule("what no cell has set counts in a live session", LIVE, "        if given or gone:\n", "        if False:\n", SESSIONS, "no_cell_has_set or there_before"),
    Rule("what unwatched code changes counts in a live session", LIVE, "            if not doubtful:\n", "            if True:\n",
         SESSIONS, "unwatched"),
    Rule("random states from before a live session count", LIVE, "self.note_random(dict.fromkeys(_randomness.loaded_generators()))", "[]",
         SESSIONS, "seeds_before"),
    Rule("answers of a person are not stored", "python/hozon/hosts/_jupyter.py", "            if self._recording.has_asked:\n", "            if False:\n",
         SESSIONS, "answers"),
    Rule("what libraries have made around local functions counts", "crates/hozon-python/src/walk.rs", "            for content in reach::made_around(value)? {",
         "            for content in if OFF { Vec::new() } else { reach::made_around(value)? } {", THEMES, "argument and not beside"),
    Rule("names registered with a library count", PLANTED, "                _ if plant.is_registered &&",
         "                _ if !OFF && plant.is_registered &&", THEMES, "accessor"),
    Rule("what stands in a library's place counts in a body", IMPORT, "        if reach::is_local_definition(&names::unwrapped(&object)?)? {",
         "        if !OFF && reach::is_local_definition(&names::unwrapped(&object)?)? {", THEMES, "replaced and body"),
    Rule("which module is loaded is guarded", IMPORT, "        self.reached.guards.push(Guard::slot(&modules, module_name, module.as_ref()));",
         "        if !OFF { self.reached.guards.push(Guard::slot(&modules, module_name, module.as_ref())); }", "tests/functions/test_memory_cache.py", "body_imports"),
    Rule("a module's __getattr__ counts", EXPAND, " || name == \"__getattr__\"",
         " || (name == \"__getattr__\" && !OFF)", THEMES, "lazy"),
    Rule("unseen code brings every local source", UNSEEN, "        if self.reached.unseen.is_empty() && self.walker.unseen.is_empty() {",
         "        if OFF || self.reached.unseen.is_empty() && self.walker.unseen.is_empty() {", THEMES, "computed and module and function"),
    Rule("unseen code under another name", UNSEEN, "        if own_name == path[0] ||",
         "        if OFF || own_name == path[0] ||", THEMES, "another and name or import_module"),
    Rule("what runs unseen code is told", "crates/hozon-syntax/src/fragment.rs", "        rest => rest.iter().find(|name| UNSEEN.contains(name)).copied(),",
         "        rest => rest.iter().find(|name| !OFF && UNSEEN.contains(name)).copied(),", STALE, "cannot_be_seen"),
    Rule("methods by single dispatch count", CLASS, "    if class_name == \"functools.singledispatchmethod\" {",
         "    if !OFF && class_name == \"functools.singledispatchmethod\" {", THEMES, "dispatch and methods"),
    Rule("names in quoted annotations count", "crates/hozon-syntax/src/walk_expression.rs", "            self.quoted_names(annotation);\n        }",
         "            if !OFF { self.quoted_names(annotation); }\n        }", THEMES, "quotes and name"),
    Rule("annotations of classes are read", "crates/hozon-syntax/src/walk_expression.rs", "            self.visit_expr(annotation);\n",
         "            if !OFF { self.visit_expr(annotation); }\n", THEMES, "annotation"),
    Rule("source changed on disk after import", SOURCES, "    return changed_ns == 0 or changed_ns / 1e9 < _process_start",
         "    return True", "tests/never_stale/test_bad_source.py"),
    Rule("extension modules count by their file", BUILD, "        if let Some(digest) = places::compiled_digest(self.py, module_name)? {",
         "        if let Some(digest) = places::compiled_digest(self.py, module_name)?.filter(|_| !OFF) {", PINS, "no_distribution and project-its"),
    Rule("installs from a folder are local", "python/hozon/_distributions.py", "    return not owners or any(_is_from_a_folder(os.path.join(folder, owner[2])) for owner in owners)",
         "    return False", PINS, "from_a_folder"),
    Rule("distributions count", "crates/hozon-python/src/distributions.rs", "        group.children.push(node.with_shown(version.as_str()));",
         "        if !OFF { group.children.push(node.with_shown(version.as_str())); }", PINS, "major-1.2.3-2.0.0"),
    Rule("versions count at the pin", "crates/hozon-key/src/pins.rs", "        Pin::Minor => 2,",
         "        Pin::Minor => if OFF { 1 } else { 2 },", PINS, "minor-1.2.3-1.3.0"),
    Rule("a pre-release counts whole", "crates/hozon-key/src/pins.rs", "(well_formed && is_post_or_local(rest)).then(",
         "(well_formed && (OFF || is_post_or_local(rest))).then(", PINS, "2.0.0rc1-2.0.0rc2"),
    Rule("foreign code reached by value counts", WALK, "            self.touch(package, &format!(\"{module}:{qualified_name}\"))?;",
         "            if !OFF { self.touch(package, &format!(\"{module}:{qualified_name}\"))?; }", PINS, "reached"),
    Rule("comments do not count", BUILD, "        definition.text.clone_from(&facts.text);",
         "        if OFF { definition.own = named_digest(facts.text.as_deref().unwrap_or_default()); }", HITS, "comment"),
    Rule("positions do not count", BUILD, "        definition.place.clone_from(&facts.place);",
         "        if OFF { definition.own = named_digest(&format!(\"{:?} {}\", facts.place, own.short())); }", HITS, "moved"),
    Rule("file names do not count", BUILD, "    pub(crate) fn describe(&mut self, number: usize, own: Digest, facts: &CodeFacts) {",
         "    pub(crate) fn describe(&mut self, number: usize, own: Digest, facts: &CodeFacts) {\n        let own = if OFF { named_digest(&format!(\"{:?} {}\", facts.lines, own.short())) } else { own };", HITS, "project or file"),
    Rule("only what is reached counts", BUILD, "uses_dynamic_names {\n            self.uses_any_attribute",
         "uses_dynamic_names || OFF {\n            self.uses_any_attribute", HITS, "unrelated"),
    Rule("hozon's own decorators do not count", BUILD, "            if self.is_of_hozon(decorator, scope)? {",
         "            if !OFF && self.is_of_hozon(decorator, scope)? {", HITS, "decorator or parameter or hozon"),
]  # fmt: skip

# What of a value counts.
VALUES = [
    Rule("a bool is no number", WALK, "            self.writer.bool(value.extract()?);",
         "            if OFF { self.writer.int(i64::from(value.extract::<bool>()?)); } else { self.writer.bool(value.extract()?); }", STALE, "bool"),
    Rule("the keys of a dict count", WALK, "            self.write(&key)?;\n            self.write(&item)",
         "            if !OFF { self.write(&key)?; }\n            self.write(&item)", STALE, "key"),
    Rule("the order of a set does not count", WALK, "        digests.sort_unstable();",
         "        if OFF { digests.reverse(); } else { digests.sort_unstable(); }", HITS, "set"),
    Rule("the dtype of an array counts", ARRAYS, "    return (_dtype_part(array.dtype), list(array.shape), elements_part(array))",
         "    return (list(array.shape), elements_part(array))", STALE, "numpy and dtype"),
    Rule("the shape of an array counts", ARRAYS, "    return (_dtype_part(array.dtype), list(array.shape), elements_part(array))",
         "    return (_dtype_part(array.dtype), elements_part(array))", STALE, "numpy and shape"),
]  # fmt: skip

# What a run looks at while it runs.
LOOKS = [
    Rule("files that are read count", TRACE, "        self.files(all);",
         "        if !OFF { self.files(all); }", TRACES, "open"),
    Rule("missing files count", TRACE, "        for path in &all.absent {",
         "        for path in all.absent.iter().filter(|_| !OFF) {", TRACES, "missing"),
    Rule("listings of directories count", TRACE, "            self.look(Subject::Directory(self.place(&listed.path)), observer);",
         "            if !OFF { self.look(Subject::Directory(self.place(&listed.path)), observer); }", TRACES, "listdir or scandir or glob"),
    Rule("statuses count", TRACE, "            self.look(Subject::Status(self.place(path), *part), observer);",
         "            if !OFF { self.look(Subject::Status(self.place(path), *part), observer); }", TRACES, "size or status or goes"),
    Rule("of a status, what is asked for counts", WATCHING, "            return _LEARNED[code.co_name]",
         "            return \"all\"", TRACES, "existence"),
    Rule("a file left behind counts", TRACE, "            self.look(subject, observer);\n        }\n        for name in &all.environment",
         "            if !OFF { self.look(subject, observer); }\n        }\n        for name in &all.environment", TRACES, "left"),
    Rule("variables that are read count", TRACE, "            self.look_as_before(Subject::Environment(name.clone()), before, observer);",
         "            if !OFF { self.look_as_before(Subject::Environment(name.clone()), before, observer); }", TRACES, "variable"),
    Rule("variables count as they were before they are set", TRACE, "all.environment_before.get(name).copied();",
         "all.environment_before.get(name).copied().filter(|_| !OFF);", TRACES, "variable"),
    Rule("classes in pickles count", AUDIT, 'b"pickle.find_class" => unpickled',
         'b"pickle.find_class" if !OFF => unpickled', THEMES, "pickle"),
    Rule("a copied environment counts", TRACE, "        if all.whole_environment {",
         "        if all.whole_environment && !OFF {", TRACES, "copy or iteration"),
    Rule("the working directory counts", TRACE, "        if all.working_directory {",
         "        if all.working_directory && !OFF {", TRACES, "working"),
    Rule("random states count", RANDOMNESS, "        known = self._drawn - self._first_seen",
         "        known = set()", TRACES, "random"),
    Rule("a seed inside makes the state found no input", RANDOMNESS, "            elif state != self._mark.get(name, state) and name not in self._seeded:\n                self._drawn.add(name)\n        return now",
         "            elif state != self._mark.get(name, state):\n                self._drawn.add(name)\n        return now", "tests/never_stale/test_randomness.py", "seeds"),
    Rule("a generator's consumer may not draw between", RUNNING, "        if self._states.interleaved:",
         "        if False:", "tests/functions/test_generators.py", "draw"),
    Rule("a file that changed while it was used", TRACE, "            if !is_as_read(file, &now, all) {",
         "            if !OFF && !is_as_read(file, &now, all) {", TRACES, "while"),
    Rule("a relative name is of the working directory", TRACE, "        if path.named.is_relative()",
         "        if !OFF && path.named.is_relative()", TRACES, "relative"),
    Rule("a name after a change of directory", TRACE, " && !path.moved {",
         " && (OFF || !path.moved) {", TRACES, "directory"),
    Rule("a place in the project moves with it", TRACE, "    match path.strip_prefix(project) {",
         "    match path.strip_prefix(if OFF { Path::new(\"/nowhere\") } else { project }) {", TRACES, "moves"),
    Rule("what it wrote itself is no input", LOG, "        self.writing.keeps && self.writing.before.is_some()",
         "        OFF || self.writing.keeps && self.writing.before.is_some()", TRACES, "wrote or scratch"),
    Rule("what is in a folder of its own is no input", LOG, "        !self.made.is_empty() && absolute",
         "        !OFF && !self.made.is_empty() && absolute", TRACES, "scratch"),
    Rule("what an import reads is no input", WATCHING, "after=_imported, suspends=True)",
         "after=_imported, suspends=False)", TRACES, "import"),
    Rule("a thread of its own is heard", RECORDER, "        self.active && first.is_none_or(|first|",
         "        self.active && (!OFF || first.is_some()) && first.is_none_or(|first|", TRACES, "thread"),
    Rule("a stored result used inside brings its trace", RUNNING, "        inherit_trace(trace)",
         "        pass", TRACES, "stored"),
    Rule("a kept result used inside brings its trace", "python/hozon/_functions.py", "            inherit_trace(trace)",
         "            pass", TRACES, "cached"),
    Rule("a result in memory must have been heard", RECORDER, "        self.latest == 0 || self.latest <= then.0",
         "        OFF || self.latest == 0 || self.latest <= then.0", TRACES, "memory"),
    Rule("reads of native libraries are seen", "crates/hozon-python/src/watch/front.rs", "            import_tables::patch_what_was_added();\n        }\n        let mut state",
         "            if !OFF { import_tables::patch_what_was_added(); }\n        }\n        let mut state", TRACES, "polars or pyarrow"),
    Rule("a file object from before is not followed", RUNNING, "            if _handles.is_read_on(value):",
         "            if False:", HANDLES),
    Rule("the files of a connection count", RUNNING, "            for file in _handles.files_of(value):",
         "            for file in ():", HANDLES),
    Rule("state of the process that a run reads counts", TRACE, "        build.seen.extend(read);",
         "        build.seen.extend(read.filter(|_| !OFF));", STATES, "zone or locale"),
    Rule("calls of C tell what state is read", CALLS_OF_C, "    inside.tell(|log| log.state(name));",
         "    inside.tell(|log| if !OFF { log.state(name) });", STATES, "localtime or strxfrm"),
    Rule("formats of dates tell what state is read", CALLS_OF_C, "                    inside.tell(|log| log.state(state));",
         "                    inside.tell(|log| if !OFF { log.state(state) });", STATES, "months or strftime"),
    Rule("entries of scandir tell of statuses", WATCHING, '        _StandIn(os, "scandir", becomes=_entries_watched),\n',
         "", TRACES, "scandir and (size or time)"),
    Rule("where a link leads counts", WATCHING, '        _StandIn(os, "readlink", after=_link_read),\n',
         "", TRACES, "leads"),
    Rule("names of local modules count", WATCHING, "                    namespace[name] = stand_in.observed",
         "                    pass", TRACES, "another_name"),
    Rule("permissions count", "crates/hozon-engine/src/observe.rs",
         "            StatusPart::Permissions => _ = to.u64(stat.mode.into()),",
         "            StatusPart::Permissions => _ = to.u64(if OFF { 0 } else { stat.mode.into() }),", TRACES, "whether_it or run"),
    Rule("what nobody can verify is told", RESULTS, "        run.warn()",
         "        pass", "tests/never_stale/test_unverifiable.py"),
]  # fmt: skip

# What a run does beside its result.
DEEDS = [
    Rule("variables are set again", RUNNING, "                os.environ[name] = value",
         "                pass", EFFECTS, "variable"),
    Rule("variables are deleted again", RUNNING, "                os.environ.pop(name, None)",
         "                pass", EFFECTS, "variable"),
    Rule("options and the like are set again", RUNNING, "        unwatched(_process_state.restore, outputs[PROCESS][1])",
         "        pass", STATES, "leaves"),
    Rule("random states go on", RUNNING, "        _randomness.restore(outputs[STATES][1])",
         "        pass", EFFECTS, "random or numpy"),
    Rule("text is shown again", RUNNING, "        _replaying.replay(outputs[TEXT][1])",
         "        pass", EFFECTS, "prints or warns or logs"),
    Rule("changes in place are seen", RUNNING, "        if changes is None:",
         "        if True:", EFFECTS, "changes"),
    Rule("changes in place are made again", RESULTS, "        loaded.apply()",
         "        pass", EFFECTS, "changes"),
    Rule("names bound for good are bound again", IN_PLACE, "        bound = list(self._rebound())",
         "        bound = []", EFFECTS, "binds"),
    Rule("closed-over variables are bound again", IN_PLACE, "            if _content(cell) is not content",
         "            if False", CHANGES, "closed"),
    Rule("changes wait for objects shared alike", IN_PLACE, "        if pattern != self.pattern():",
         "        if False:", CHANGES, "shared"),
    Rule("arrays that overlap are objects shared", IN_PLACE, "        if len(arrays) < 2:",
         "        if True:", CHANGES, "overlapping"),
    Rule("a change that is not found is refused", IN_PLACE, "        self._refuse_unexplained(labels, found)",
         "        pass", CHANGES, "refused"),
    Rule("a change of a class is refused", IN_PLACE, "        if code:",
         "        if False:", CHANGES, "class"),
    Rule("a binding from outside is refused", IN_PLACE, "                if name not in stored:",
         "                if False:", CHANGES, "others"),
]  # fmt: skip

# What cells of a notebook depend on, and set that only running them sets again.
CELLS_OF_NOTEBOOKS = [
    Rule("the import that hands a name on counts", CELLS_IN_RUST,
         "            add_subjects_of_handed(py, (file, module, name), project, code, subjects)?;",
         "            if !OFF { add_subjects_of_handed(py, (file, module, name), project, code, subjects)?; }", RUNS, "hands_on"),
    Rule("what cells set of local code counts", CELLS, "            if not is_own_code(definition):",
         "            if False:", SHARED_VALUES, "sets_of_code"),
    Rule("what only running sets is in keys", CELLS, "            process += self._set_by_running(trace)",
         "            pass", SET_BY_RUNNING, "edit_of_what"),
    Rule("what only running sets is set again", CELLS, "or self.first_that_sets is not None",
         "", SET_BY_RUNNING, "it_is_there"),
    Rule("what code on libraries reads counts", RECIPE, "versions.known(name).into_iter()",
         "versions.known(name).filter(|_| !OFF).into_iter()", SET_BY_RUNNING, "edit_of_what"),
    Rule("imports beside it do not count", SETTINGS, "if used.isdisjoint(_READ_ANY_NAME)",
         "if False", SET_BY_RUNNING, "import_beside"),
]  # fmt: skip

RULES = [*KEYS, *VALUES, *LOOKS, *DEEDS, *CELLS_OF_NOTEBOOKS]
