// The programs besides nestp and proot that the executable is: by the name it is called, or by
// its first word.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace nestp {

struct Program {
  std::string_view name;
  std::string_view help;     ///< what follows the name in --help; one verb phrase
  std::string_view usage{};  ///< its whole command line, if it has no help of its own
  bool by_name = false;      ///< also when the executable itself is called so
  int (*run)(std::span<const std::string> words) = nullptr;  ///< null: main.cc's
  /// Its own help: "Usage: ...", lines of text, options in lines that begin with two blanks.
  std::string (*help_text)() = nullptr;
};

std::span<const Program> program_table();

/// The usage of a program of the table.
std::string_view usage_of(std::string_view name);

/// Runs the program that `arguments` (argv) name; none if that is nestp or proot.
std::optional<int> run_program(std::span<const std::string> arguments);

}  // namespace nestp
