// The programs junest and sudoj.
#pragma once

#include <span>
#include <string>

namespace nestp::junest {

/// The words behind "junest"; gives the exit status.
int run(std::span<const std::string> words);

/// The words behind "sudoj": a command that finds the image's programs, run with a fake root.
int run_sudoj(std::span<const std::string> words);

}  // namespace nestp::junest
