"""Workbooks in and out: .xlsx, .xls and .ods are read in a process of their own, .xlsx is written (decision 14).

Plumbing only. What a column means is the business of whoever asks; how people type a day, a number or a phone is not.
"""
