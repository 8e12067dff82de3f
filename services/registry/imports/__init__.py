"""What a sheet of teams and members, villages or organisations means: columns, matching, what would change. Pure.

`kinds` lists the sheets, `lines` reads them, `places` finds units by name, `teams`, `villages` and `organisations` say
what each line would do. The use cases `import_*.py` and `export_*.py` load, ask, and write.
"""
