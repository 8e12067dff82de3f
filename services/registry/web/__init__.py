"""Registry's pages under `/so` («sổ»): units, teams, imports, reforms. For people; programs use the API.

A page asks the same functions as the API does; forms call the API's own use cases (decision 15).
"""
