"""Files that browsers keep for good, and modules that are fetched at once."""

from pathlib import Path

from headrace.web.page_files import modules_of, render_page, version_of


def test_the_version_changes_with_a_file_and_with_its_name_alone(tmp_path: Path) -> None:
    (tmp_path / "js").mkdir()
    (file := tmp_path / "js" / "a.js").write_text("1")
    first = version_of(tmp_path)
    assert (len(first), int(first, 16) > 0) == (16, True)
    (tmp_path / "empty").mkdir()
    assert version_of(tmp_path) == first
    file.write_text("2")
    second = version_of(tmp_path)
    file.rename(tmp_path / "js" / "b.js")
    assert len({first, second, version_of(tmp_path)}) == 3


def test_modules_are_found_through_each_other_once_each(tmp_path: Path) -> None:
    (tmp_path / "a.js").write_text(
        '// import { no } from "./comment.js";\nimport { b, c } from "./b.js";\nimport { d } from "./d.js";\n'
    )
    (tmp_path / "b.js").write_text('import { C } from "./c.js";\nconst from = "./no.js";\n')
    (tmp_path / "c.js").write_text('import { a } from "./a.js";\n')
    (tmp_path / "d.js").write_text('import { b } from "./b.js";\n')
    assert modules_of(tmp_path, "a.js") == ["a.js", "b.js", "d.js", "c.js"]
    assert modules_of(tmp_path, "c.js", "d.js") == ["c.js", "d.js", "a.js", "b.js"]


def test_a_page_names_its_files_by_their_version() -> None:
    html = '<head>\n    <link href="/assets/css/a.css" />\n  </head>\n<a href="/watch/assets/"></a>'
    assert render_page(html, "0123", ["a.js", "b.js"]) == (
        '<head>\n    <link href="/assets/0123/css/a.css" />\n'
        '    <link rel="modulepreload" href="/assets/0123/js/a.js" />\n'
        '    <link rel="modulepreload" href="/assets/0123/js/b.js" />\n'
        '  </head>\n<a href="/watch/assets/"></a>'
    )
