"""Makes tests/testthat/fixtures/seqfish.xlsx, a small workbook in the layout of the supplement
that holds SeqFISH's counts: several sheets, a gene a row, its name in single quotes, no header.

    python3 data-raw/make_seqfish.py tests/testthat/fixtures/seqfish.xlsx
"""

import sys
import zipfile

GENES = ["Aars", "Gfap", "mbp", "Dcx, splice", "Zfp90"]
COUNTS = [[(3 * gene + cell) % 5 for cell in range(4)] for gene in range(len(GENES))]

MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
PACKAGE = "http://schemas.openxmlformats.org/package/2006"
HEAD = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n'


def sheet(rows):
    lines = "".join(
        f'<row r="{i + 1}">'
        + "".join(f'<c r="{"ABCDE"[j]}{i + 1}"{cell}</c>' for j, cell in enumerate(row))
        + "</row>"
        for i, row in enumerate(rows)
    )
    return f'{HEAD}<worksheet xmlns="{MAIN}"><sheetData>{lines}</sheetData></worksheet>'


def text(index):
    return f' t="s"><v>{index}</v>'


def number(value):
    return f"><v>{value}</v>"


counts = sheet([text(i)] + [number(n) for n in row] for i, row in enumerate(COUNTS))
places = sheet([[number(1.5), number(2)], [number(0), number(7)]])
shared = "".join(f"<si><t>'{gene}'</t></si>" for gene in GENES)
worksheet = f"{OFFICE}/worksheet"
kind = "application/vnd.openxmlformats-officedocument.spreadsheetml"

parts = {
    "[Content_Types].xml": f'{HEAD}<Types xmlns="{PACKAGE}/content-types">'
    '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
    f'<Default Extension="xml" ContentType="{kind}.worksheet+xml"/>'
    f'<Override PartName="/xl/workbook.xml" ContentType="{kind}.sheet.main+xml"/>'
    f'<Override PartName="/xl/sharedStrings.xml" ContentType="{kind}.sharedStrings+xml"/></Types>',
    "_rels/.rels": f'{HEAD}<Relationships xmlns="{PACKAGE}/relationships">'
    f'<Relationship Id="rId1" Type="{OFFICE}/officeDocument" Target="xl/workbook.xml"/></Relationships>',
    "xl/workbook.xml": f'{HEAD}<workbook xmlns="{MAIN}" xmlns:r="{OFFICE}"><sheets>'
    '<sheet name="Hippocampus Counts" sheetId="1" r:id="rId1"/>'
    '<sheet name="Centroids" sheetId="2" r:id="rId2"/></sheets></workbook>',
    "xl/_rels/workbook.xml.rels": f'{HEAD}<Relationships xmlns="{PACKAGE}/relationships">'
    f'<Relationship Id="rId1" Type="{worksheet}" Target="worksheets/sheet1.xml"/>'
    f'<Relationship Id="rId2" Type="{worksheet}" Target="worksheets/sheet2.xml"/>'
    f'<Relationship Id="rId3" Type="{OFFICE}/sharedStrings" Target="sharedStrings.xml"/></Relationships>',
    "xl/sharedStrings.xml": f'{HEAD}<sst xmlns="{MAIN}">{shared}</sst>',
    "xl/worksheets/sheet1.xml": counts,
    "xl/worksheets/sheet2.xml": places,
}

with zipfile.ZipFile(sys.argv[1], "w", zipfile.ZIP_DEFLATED) as archive:
    for name, content in parts.items():
        # The same bytes whenever it is made.
        archive.writestr(zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0)), content, zipfile.ZIP_DEFLATED)
