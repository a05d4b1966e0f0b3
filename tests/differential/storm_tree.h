// The files the storm starts with, their end, and a listing of all of them.
#pragma once

/// Makes the starting files below the places that can be written.
void build_trees();
/// Removes all that build_trees() and the storm made; mount points stay.
void remove_trees();
enum class Owners { left_out, shown };
/// Prints each file: kind, mode, links, size, link text, first bytes; in order of names.
void print_trees(Owners owners);
