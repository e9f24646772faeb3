"""Files that browsers keep for good, and modules that are fetched at once."""

from pathlib import Path

from headrace.web.page_files import PageFiles, render_page


def test_the_version_changes_with_a_file_and_with_its_name_alone(tmp_path: Path) -> None:
    (tmp_path / "js").mkdir()
    (file := tmp_path / "js" / "a.js").write_text("1")
    first = PageFiles(tmp_path).version
    assert (len(first), int(first, 16) > 0) == (16, True)
    (tmp_path / "empty").mkdir()
    assert PageFiles(tmp_path).version == first
    file.write_text("2")
    second = PageFiles(tmp_path).version
    file.rename(tmp_path / "js" / "b.js")
    assert len({first, second, PageFiles(tmp_path).version}) == 3


def test_files_stay_as_they_were_and_are_found_below_any_version(tmp_path: Path) -> None:
    (file := tmp_path / "a.js").write_text("1")
    files = PageFiles(tmp_path)
    file.write_text("2")
    assert files.find(f"{files.version}/a.js") == (b"1", True)
    assert files.find(f"{'0' * 16}/a.js") == files.find("a.js") == (b"1", False)
    for path in (
        "",
        "b.js",
        f"{files.version}/",
        f"{files.version}/b.js",
        f"{files.version}/{files.version}/a.js",
    ):
        assert files.find(path) is None


def test_modules_are_found_through_each_other_once_each(tmp_path: Path) -> None:
    (folder := tmp_path / "js").mkdir()
    imports = (
        '// import { no } from "./comment.js";\nimport { b, c } from "./b.js";\nimport { d } from "./d.js";\n'
    )
    (folder / "a.js").write_text(imports)
    (folder / "b.js").write_text('import { C } from "./c.js";\nconst from = "./no.js";\n')
    (folder / "c.js").write_text('import { a } from "./a.js";\n')
    (folder / "d.js").write_text('import { b } from "./b.js";\n')
    files = PageFiles(tmp_path)
    assert files.modules_of("a.js") == ["a.js", "b.js", "d.js", "c.js"]
    assert files.modules_of("c.js", "d.js") == ["c.js", "d.js", "a.js", "b.js"]


def test_a_page_names_its_files_by_their_version() -> None:
    html = '<head>\n    <link href="/assets/css/a.css" />\n  </head>\n<a href="/watch/assets/"></a>'
    assert render_page(html, "0123", ["a.js", "b.js"]) == (
        '<head>\n    <link href="/assets/0123/css/a.css" />\n'
        '    <link rel="modulepreload" href="/assets/0123/js/a.js" />\n'
        '    <link rel="modulepreload" href="/assets/0123/js/b.js" />\n'
        '  </head>\n<a href="/watch/assets/"></a>'
    )
