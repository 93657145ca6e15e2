"""What knows no video: errors, checks, fields, files, random numbers, exact time."""
