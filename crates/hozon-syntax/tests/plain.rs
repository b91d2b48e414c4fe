//! What is known of a module's variables and definitions without importing it.

use hozon_syntax::{Dialect, Module, analyse};

fn module(text: &str) -> Module {
    analyse(text, Dialect::Python).unwrap()
}

fn digest(text: &str, name: &str) -> Option<hozon_format::Digest> {
    module(text).plain_variable(name).map(|variable| variable.digest)
}

#[test]
fn literals_and_what_is_made_of_them_are_plain() {
    for text in [
        "X = 0.5",
        "A = 2\nX = {'a': [A, -A], **{}}",
        "import re\nX = re.compile('a+')",
        "from pathlib import Path\nX = Path(__file__).parent / 'data'",
        "X = []\nX += [1]",
        "X: int = 3 if True else 4",
    ] {
        assert!(digest(text, "X").is_some(), "{text}");
    }
}

#[test]
fn what_the_world_decides_is_not() {
    for text in [
        "import os\nX = os.environ['X']",
        "import os\nX = float(os.getenv('X'))",
        "X = open('x').read()",
        "def load(): return open('x').read()\nX = load()",
        "import time\nX = time.time()",
        "import sys\nX = sys.argv",
        "try:\n    import a\n    X = 1\nexcept ImportError:\n    X = 2",
        "from a import *",
        "exec('X = 1')",
        "X = []\nX.append(f())",
        "Y = 1",
    ] {
        assert!(digest(text, "X").is_none(), "{text}");
    }
}

#[test]
fn an_edit_of_what_makes_it_is_another_digest_and_any_other_edit_is_not() {
    let before = "A = 1\nX = A + 1\ndef f(): return 1\nB = 3\n";
    for (edited, same) in [
        ("A = 2\nX = A + 1\ndef f(): return 1\nB = 3\n", false),
        ("A = 1\nX = A + 2\ndef f(): return 1\nB = 3\n", false),
        ("# comment\nA = 1\nX = A + 1\ndef f(): return 2\nB = 4\n", true),
    ] {
        assert_eq!(digest(before, "X") == digest(edited, "X"), same, "{edited}");
    }
}

#[test]
fn definitions_are_found_by_qualified_name_with_all_of_their_code() {
    let code = |text: &str, name: &str| module(text).code_of(name);
    let before = code("class A:\n    def f(self): return 1\n", "A.f");
    assert!(before.is_some());
    assert_eq!(before, code("x = 1\nclass A:\n    def g(self): pass\n    def f(self): return 1\n", "A.f"));
    assert_ne!(before, code("class A:\n    def f(self): return 2\n", "A.f"));
    assert_ne!(before, code("class A:\n    @d\n    def f(self): return 1\n", "A.f"));
    assert_eq!(code("def f(): pass", "g"), None);
    let plain = |text: &str, name: &str| module(text).is_plainly_defined(name);
    assert!(plain("@decorated(1)\ndef f(x=0): return os.environ", "f"));
    assert!(!plain("import os\ndef f(x=os.environ['X']): pass", "f"));
    assert!(!plain("class A:\n    rate = load()\n    def f(self): pass", "A.f"));
    assert!(plain("class A:\n    rate: int = field(default=1)\n    def f(self): pass", "A.f"));
}
