"""A CSV file as rows: encodings, line ends and quoting, and what is said about a file that is broken."""

import csv

import pytest

from origin.imports.errors import FileError
from origin.imports.reading import check_file, read_rows


def cells(body):
    return [row.cells for row in read_rows(body)]


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("start", [b"", b"\xef\xbb\xbf"])
def test_every_line_end_and_a_byte_order_mark_are_read_alike(start, end):
    body = start + f'Handle,Title{end}cup,"Cup, large"{end}{end}mug,Müg'.encode()
    assert cells(body) == [["Handle", "Title"], ["cup", "Cup, large"], ["mug", "Müg"]]


def test_a_row_knows_its_first_line_and_the_byte_behind_its_last():
    body = b'H,T\r\na,"two\r\nlines"\r\n\r\nb,one\r\n'
    rows = list(read_rows(body))
    assert [row.line for row in rows] == [1, 2, 5]
    assert body[rows[1].end_byte :] == b"\r\nb,one\r\n"
    assert rows[-1].end_byte == len(body)


def test_an_inch_mark_inside_a_plain_cell_is_text():
    assert cells(b'H,T\na,5" pipe\n') == [["H", "T"], ["a", '5" pipe']]


def test_a_quotation_mark_that_is_never_closed_is_reported_where_it_opens():
    body = b'Handle,Title\n"a\n""b""",ok\nc,"two\nlines",\nd,"open\ne,f\n'
    with pytest.raises(FileError, match="opens on line 6 is never closed"):
        check_file(body)


def test_a_quoted_cell_that_goes_on_is_reported_where_it_opens():
    with pytest.raises(FileError, match="line 3 a quoted cell goes on"):
        check_file(b'Handle,Title\na,b\nc,"say "hello" twice"\n')


def test_another_encoding_is_reported_by_line_and_byte():
    with pytest.raises(FileError, match=r"line 2 is not UTF-8 \(byte 0xE9 at offset 16\)"):
        check_file("Handle,Title\ncaf\xe9,x\n".encode("latin-1"))


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ("Handle,Title\n".encode("utf-16"), "UTF-16"),
        ("Handle,Title\n".encode("utf-16-be"), ""),
        (b"PK\x03\x04 and more", "spreadsheet"),
        (b"\x1f\x8b\x08", "compressed"),
        (b"", "empty"),
        (b"\n\r\n \n".replace(b" ", b""), "empty"),
    ],
)
def test_what_is_no_csv_is_called_by_its_name(body, words):
    if words:
        with pytest.raises(FileError, match=words):
            check_file(body)


def test_a_cell_of_ten_megabytes_is_read_and_the_rows_behind_it_are_found():
    before = csv.field_size_limit()
    body = b'Handle,Body\na,"' + b"x" * 10_000_000 + b'"\nb,c\n'
    assert [len(row.cells[1]) for row in read_rows(body)] == [4, 10_000_000, 1]
    assert csv.field_size_limit() >= before


def test_checking_counts_the_rows_behind_the_header():
    assert check_file(b"H\n1\n\n2\n") == 2
