// Programs of an environment in the desktop's menu.
#pragma once

#include <span>
#include <string>
#include <string_view>

namespace nestp::environment {

/// A desktop entry of an environment as the host shall have it.  `enter`: the words that start a
/// program inside, as one text; `root`: of the environment, where icons lie.
std::string desktop_entry(std::string_view text, const std::string& name, const std::string& enter,
                          const std::string& root);

/// Removes all entries of an environment from the menu; gives their number.
int remove_desktop_entries(const std::string& name);

/// The words behind "nestp desktop".
int run_desktop(std::span<const std::string> words);

}  // namespace nestp::environment
