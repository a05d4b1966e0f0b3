// A part of nestp's own work in a process of its own, and other programs run to their end.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "arch/result.h"

namespace nestp {

/// Runs `work` in a child, whose exit status it gives; 128+N for a signal.  Signals that
/// somebody sends here go on to the child; the terminal's reach it by themselves.
/// `handed_over`: descriptors that are the child's from then on.
int run_in_child(const std::function<int()>& work, const std::vector<int>& handed_over = {});

/// Whether PATH has a program of this name.
bool is_in_path(const std::string& name);

/// Runs a program, found in PATH, with `changes` of the environment ("NAME=value", or "NAME" to
/// remove it); gives its status as above, 127 if it is not there.
int run_program_to_end(const std::vector<std::string>& words,
                       const std::vector<std::string>& changes = {});

struct OutputWish {
  std::string input{};            ///< short; what the program reads
  std::string* errors = nullptr;  ///< gets its standard error; null: that is ours
  unsigned seconds = 0;           ///< SIGALRM ends it then; 0: never
};

/// Text that a program writes on its standard output; none if it fails.
Result<std::string> output_of(const std::vector<std::string>& words, const OutputWish& wish = {});

}  // namespace nestp
