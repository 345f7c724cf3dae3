"""Malformed inputs, made by the tests: each ends in one sentence, runs nothing and touches nothing outside its folder."""
