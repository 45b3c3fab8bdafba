"""The strict reading of what people say of images."""

from __future__ import annotations

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from audit.errors import UsageProblem
from audit.evidence import LABELS, build_table, check_known, labels_digest, labels_text, read_labels

IMAGE = "90b2cad6a1f03c55-0"
OTHER = "00000000000000ff-12"
ROWS = [(IMAGE, "anna", "gender", "woman"), (IMAGE, "ben", "gender", "cannot tell"), (OTHER, "anna", "nsfw", "safe")]
HEADER = ("image", "rater", "question", "label")


def written(rows, header=HEADER):
    return "\n".join(",".join(row) for row in (header, *rows)) + "\n"


@pytest.fixture
def file(tmp_path):
    def write(content, name="labels.csv"):
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return write


def refusal(path):
    with pytest.raises(UsageProblem) as caught:
        read_labels(path)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_every_row_becomes_a_label(file):
    found = read_labels(file(written(ROWS)))
    assert list(found.columns) == list(LABELS)
    assert found.to_dict("list") == {
        "prompt_id": ["90b2cad6a1f03c55", "90b2cad6a1f03c55", "00000000000000ff"],
        "replicate": [0, 0, 12],
        "rater": ["anna", "ben", "anna"],
        "question": ["gender", "gender", "nsfw"],
        "label": ["woman", "cannot_tell", "safe"],
        "picture": ["", "", ""],
    }


def test_parquet_and_csv_of_any_order_are_the_same_labels(file, tmp_path):
    plain = read_labels(file(b"\xef\xbb\xbf" + written(reversed(ROWS)).replace("\n", "\r\n").encode()))
    pd.DataFrame(ROWS, columns=HEADER).to_parquet(tmp_path / "labels.parquet")
    other = read_labels(tmp_path / "labels.parquet")
    assert labels_text(plain) == labels_text(other)
    assert labels_digest(plain) == labels_digest(other) != labels_digest(plain.iloc[1:])


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.from_regex(r"[0-9a-f]{16}-[0-9]", fullmatch=True),
            st.sampled_from(["anna", 'o"k,', "łukasz", "=1+1", "İ"]),
            st.sampled_from(
                [("gender", "woman"), ("gender", "no_person"), ("nsfw", "unsafe"), ("nsfw", "cannot_tell")]
            ),
        ),
        min_size=1,
        max_size=12,
        unique_by=lambda row: (row[0], row[1], row[2][0]),
    )
)
def test_what_is_kept_is_read_again_with_nothing_lost(tmp_path_factory, rows):
    labels = build_table(
        LABELS,
        [
            {"prompt_id": image[:16], "replicate": int(image[17:]), "rater": rater, "question": asked[0],
             "label": asked[1], "picture": ""}
            for image, rater, asked in rows
        ],
    )  # fmt: skip
    path = tmp_path_factory.mktemp("labels") / "labels.csv"
    path.write_text(labels_text(labels), encoding="utf-8", newline="")
    again = read_labels(path)
    key = list(LABELS)
    assert sorted(again[key].itertuples(index=False, name=None)) == sorted(
        labels[key].itertuples(index=False, name=None)
    )


@settings(max_examples=150, deadline=None)
@given(
    st.one_of(
        st.binary(max_size=300),
        st.text(max_size=200).map(lambda text: (written([]) + text).encode(errors="surrogatepass")),
    )
)
def test_whatever_a_file_holds_is_labels_or_one_paragraph(tmp_path_factory, content):
    path = tmp_path_factory.mktemp("labels") / "labels.csv"
    path.write_bytes(content)
    try:
        found = len(read_labels(path))
    except UsageProblem as problem:
        found, said = 0, str(problem)
    assert found or ("\n" not in said and str(path) in said)


@pytest.mark.parametrize(
    ("row", "said"),
    [
        (("90b2cad6-0", "anna", "gender", "woman"), ("line 3", "image", "90b2cad6-0")),
        ((f"{IMAGE[:-1]}01", "anna", "gender", "woman"), ("line 3", "image")),
        ((IMAGE, "", "gender", "woman"), ("line 3", "rater")),
        ((IMAGE, " anna", "gender", "woman"), ("line 3", "rater")),
        ((IMAGE, "an\x1bna", "gender", "woman"), ("line 3", "rater")),
        ((IMAGE, "anna", "Gender", "woman"), ("line 3", "question", "gender and nsfw")),
        ((IMAGE, "anna", "gender", "safe"), ("line 3", "label", "woman, man, mixed, no_person, cannot_tell")),
        ((IMAGE, "anna", "gender"), ("line 3", "3 fields")),
        (ROWS[0], ("line 3", "repeats line 2")),
    ],
)
def test_a_wrong_row_is_named_and_nothing_is_used(file, row, said):
    message = refusal(file(written([ROWS[0], row, ROWS[2]])))
    assert all(part in message for part in said), message


def test_many_wrong_rows_are_counted_and_a_few_shown(file):
    message = refusal(file(written([("x", "anna", "gender", "woman")] * 1000)))
    assert "line 2" in message
    assert "996 more" in message
    assert len(message) < 900


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "its columns are none"),
        (written([]).encode(), "no label"),
        (written(ROWS, ("image", "rater", "label", "question")).encode(), "its columns are image,rater,label,question"),
        (written(ROWS).encode("utf-16"), "UTF-8"),
        (written([(IMAGE, "anna", "gender", "wom\xe4n")]).encode("latin-1"), "line 2 has the byte 0xe4"),
        (written([(IMAGE, "anna", "gender", '"woman')]).encode(), "no CSV"),
        (written([(IMAGE, "a" * 200_000, "gender", "woman")]).encode(), "no CSV"),
        (b"PAR1 and then nothing", "no sound parquet"),
    ],
)
def test_what_is_no_file_of_labels_is_said(file, content, said):
    assert said in refusal(file(content))


def test_a_file_that_is_not_there_or_a_folder_is_said(tmp_path):
    assert "cannot be read" in refusal(tmp_path / "none.csv")
    assert "cannot be read" in refusal(tmp_path)


def test_a_file_that_is_too_large_is_not_read(tmp_path):
    path = tmp_path / "labels.csv"
    with path.open("wb") as sparse:
        sparse.truncate(257 * 1024 * 1024)
    assert "bytes" in refusal(path)


def test_numbers_in_parquet_are_no_text(tmp_path):
    pd.DataFrame([(1, "anna", "gender", "woman")], columns=HEADER).to_parquet(tmp_path / "labels.parquet")
    assert "row 1 holds something that is no text" in refusal(tmp_path / "labels.parquet")


IMAGES = pd.DataFrame({"prompt_id": ["90b2cad6a1f03c55"], "replicate": [0]})


def test_labels_of_images_that_the_run_lacks_are_refused(file):
    labels = read_labels(file(written(ROWS)))
    with pytest.raises(UsageProblem, match="1 images that this run does not have: 00000000000000ff-12"):
        check_known(labels, IMAGES, dict)
    check_known(labels[labels["prompt_id"] == "90b2cad6a1f03c55"], IMAGES, dict)


def test_labels_of_another_picture_of_the_same_name_are_refused(file):
    picture = "5f1d7a84db00d2fc"
    labels = read_labels(file(written([(*ROWS[0], picture)], (*HEADER, "picture"))))
    check_known(labels, IMAGES, lambda: {("90b2cad6a1f03c55", 0): picture + "0" * 48})
    with pytest.raises(UsageProblem, match=r"other pictures .* 90b2cad6a1f03c55-0 \(1 labels\)"):
        check_known(labels, IMAGES, lambda: {("90b2cad6a1f03c55", 0): "0" * 64})
