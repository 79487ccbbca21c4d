"""Files are written whole or not at all."""

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier, Lock

import pandas as pd
import pytest

from simsepsis.errors import OutputError
from simsepsis.files import check_folder, check_table_path, sole_use, table_bytes, write_files, write_gallery


def test_files_and_subfolders_are_made(tmp_path):
    paths = write_files(tmp_path / "a" / "b", {"x.txt": b"1", "tables/y.txt": b"2"})
    assert [path.read_bytes() for path in paths] == [b"1", b"2"]
    assert sorted(p.name for p in (tmp_path / "a" / "b").iterdir()) == ["tables", "x.txt"]


def test_a_file_in_the_way_of_a_folder_is_refused_and_kept(tmp_path):
    (tmp_path / "out").write_text("mine")
    with pytest.raises(OutputError, match=r"out: cannot be written .*; name a folder"):
        check_folder(tmp_path / "out")
    assert (tmp_path / "out").read_text() == "mine"


def test_a_folder_that_was_only_checked_is_not_left_behind(tmp_path):
    assert check_folder(tmp_path / "a" / "b") == tmp_path / "a" / "b"
    assert list(tmp_path.iterdir()) == []


def test_nothing_is_replaced_when_one_file_cannot_be_written(tmp_path):
    (tmp_path / "old.txt").write_text("old")
    (tmp_path / "tables").write_text("in the way")
    with pytest.raises(OutputError):
        write_files(tmp_path, {"tables/new.txt": b"new", "old.txt": b"new"})
    assert (tmp_path / "old.txt").read_text() == "old"
    assert sorted(p.name for p in tmp_path.iterdir()) == ["old.txt", "tables"]


@pytest.mark.parametrize(("suffix", "read"), [(".csv", pd.read_csv), (".parquet", pd.read_parquet)])
def test_tables_come_back_as_they_were(tmp_path, suffix, read):
    frame = pd.DataFrame({"a": [1, 2], "b": [0.5, None]})
    path = tmp_path / f"t{suffix}"
    write_files(tmp_path, {path.name: table_bytes(path, frame)})
    pd.testing.assert_frame_equal(read(path), frame)


def test_other_endings_are_refused(tmp_path):
    with pytest.raises(OutputError, match=r"t\.xlsx: a table is written as \.csv or \.parquet"):
        check_table_path(tmp_path / "t.xlsx")


def test_a_gallery_loses_what_it_had_written_and_nothing_else(tmp_path):
    listing = "figures/written.json"
    first = {"figures/a.svg": b"a", "figures/b.svg": b"b", "figures/c.svg": b"c", "report.html": b"1"}
    write_gallery(tmp_path, first, listing)
    (tmp_path / "figures" / "mine.svg").write_bytes(b"mine")
    (tmp_path / "figures" / "b.svg").write_bytes(b"changed by hand")
    write_gallery(tmp_path, {"figures/a.svg": b"new"}, listing)
    kept = {path.name: path.read_bytes() for path in (tmp_path / "figures").glob("*.svg")}
    assert kept == {"a.svg": b"new", "b.svg": b"changed by hand", "mine.svg": b"mine"}
    assert (tmp_path / "report.html").read_bytes() == b"1"


@pytest.mark.parametrize("content", [b"no json", b"[1]", b'{"../mine.txt": "0"}'])
def test_a_listing_that_is_none_removes_nothing(tmp_path, content):
    (tmp_path / "figures").mkdir()
    (tmp_path / "mine.txt").write_bytes(b"mine")
    (tmp_path / "figures" / "mine.svg").write_bytes(b"mine")
    (tmp_path / "figures" / "written.json").write_bytes(content)
    write_gallery(tmp_path, {"figures/a.svg": b"a"}, "figures/written.json")
    assert (tmp_path / "mine.txt").exists()
    assert (tmp_path / "figures" / "mine.svg").exists()


def test_a_folder_is_used_by_one_at_a_time(tmp_path):
    out = tmp_path / "out"
    with sole_use(out):
        assert [path.name for path in out.iterdir()] == [".in-use"]
        with pytest.raises(OutputError, match=r"out: another process is at work there; wait"), sole_use(out):
            pass
    assert list(out.iterdir()) == []


def test_a_folder_is_free_again_after_a_failure(tmp_path):
    for _ in range(2):
        with pytest.raises(ZeroDivisionError), sole_use(tmp_path):
            raise ZeroDivisionError
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_made_is_not_used(tmp_path):
    out = tmp_path / "out"
    out.write_text("mine")
    with pytest.raises(OutputError, match=r"out: cannot be written .*; name a folder"), sole_use(out):
        pass


def test_of_many_that_want_a_new_folder_at_once_one_has_it_at_a_time(tmp_path):
    begin, inside, told, refused = Barrier(8), Lock(), [], []

    def enter(number: int) -> None:
        for turn in range(40):
            out = tmp_path / f"{turn}" / "out"
            begin.wait()
            try:
                check_folder(out)
                with sole_use(out):
                    assert inside.acquire(blocking=False)
                    (out / "rows").write_text(str(number))
                    inside.release()
                    told.append(turn)
            except OutputError as error:
                refused.append(str(error))

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(enter, range(8)))
    assert set(told) == set(range(40))
    assert len(told) + len(refused) == 8 * 40
    assert all(" there; wait" in line or ": cannot be written (" in line for line in refused)


def test_a_folder_that_has_the_name_of_a_file_is_named(tmp_path):
    (tmp_path / "a.csv").mkdir()
    with pytest.raises(OutputError, match=r"a\.csv: cannot be written .is a directory.; remove the folder"):
        write_files(tmp_path, {"a.csv": b"1"})
