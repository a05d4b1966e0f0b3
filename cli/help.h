// Everything nestp says about its options, made from the one table.
#pragma once

#include <string>
#include <string_view>

#include "arch/result.h"
#include "cli/options.h"

namespace nestp {

inline constexpr std::size_t kHelpWidth = 80;  ///< columns of --help at most

/// --help, for the grammar that the reader is using.
std::string help_text(Grammar grammar);

/// --help OPTION.
std::string help_text(const Option& option, Grammar grammar);

/// nestp(1) in roff, macros of man(7).
std::string manual_text();

/// Completion for bash, zsh or fish.
std::string bash_completion();
std::string zsh_completion();
std::string fish_completion();

/// The file that --generate FORM prints: man, bash, zsh or fish.
Result<std::string> generated_text(std::string_view form);

/// `text` in lines of at most `width` columns, each after `indent` blanks and ended by a newline.
std::string wrapped(std::string_view text, std::size_t indent, std::size_t width = kHelpWidth);

}  // namespace nestp
