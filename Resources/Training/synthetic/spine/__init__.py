"""Spines from sacrum to neck in MR and CT, drawn or from real label maps and scans."""
