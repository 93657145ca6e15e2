"""Foundations without videos: errors, checks, fields, files, random numbers, exact time."""
