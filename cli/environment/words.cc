#include "cli/environment/words.h"

#include <algorithm>

namespace nestp::environment {

std::string CommandWords::value(std::string_view name) const {
  const auto found = values.find(name);
  return found == values.end() ? std::string() : found->second.back();
}

std::vector<std::string> CommandWords::all(std::string_view name) const {
  const auto found = values.find(name);
  return found == values.end() ? std::vector<std::string>() : found->second;
}

Result<CommandWords> read_words(std::span<const std::string> words,
                                std::initializer_list<CommandOption> options,
                                const CommandNames& names) {
  CommandWords read;
  const Error usage{"the words are: " + std::string(names.usage)};
  std::size_t next = 0;
  while (next < words.size()) {
    const std::string& word = words[next];
    if (names.command_follows && !read.names.empty()) {
      if (word == "--") ++next;
      break;
    }
    ++next;
    if (!word.starts_with("--") || word == "--") {
      if (word != "--") read.names.push_back(word);
      continue;
    }
    const std::size_t equals = word.find('=');
    const std::string name = word.substr(0, equals);
    const auto* const option = std::ranges::find(options, name, &CommandOption::name);
    if (option == options.end()) return Error{"unknown option '" + name + "'; " + usage.message};
    if (!option->takes_value) {
      read.values[name].emplace_back();
    } else if (equals != std::string::npos) {
      read.values[name].push_back(word.substr(equals + 1));
    } else if (next < words.size()) {
      read.values[name].push_back(words[next++]);
    } else {
      return Error{"option '" + name + "' needs a value; " + usage.message};
    }
  }
  read.names.insert(read.names.end(), words.begin() + static_cast<std::ptrdiff_t>(next),
                    words.end());
  if (read.names.size() < names.least) return usage;
  if (!names.command_follows && read.names.size() > names.most) return usage;
  return read;
}

}  // namespace nestp::environment
