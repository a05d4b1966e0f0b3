#include "cli/environment/settings.h"

#include <algorithm>
#include <iterator>

#include "cli/report.h"
#include "cli/words.h"

namespace nestp::environment {
namespace {

using Words = std::vector<std::string>;

/// A key, and the field that it fills: a text, a list of texts (a line each), or words.
struct Key {
  std::string_view name;
  std::string Settings::*text = nullptr;
  Words Settings::*lines = nullptr;
  Words Settings::*words = nullptr;
};

constexpr Key kKeys[] = {
    {.name = "source", .text = &Settings::source},
    {.name = "backend", .text = &Settings::backend},
    {.name = "user", .text = &Settings::user},
    {.name = "directory", .text = &Settings::directory},
    {.name = "home", .text = &Settings::home},
    {.name = "bind", .lines = &Settings::binds},
    {.name = "ro-bind", .lines = &Settings::read_only},
    {.name = "env", .lines = &Settings::variables},
    {.name = "setup", .lines = &Settings::setup},
    {.name = "entrypoint", .words = &Settings::entrypoint},
    {.name = "command", .words = &Settings::command},
};

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t'))
    text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t' || text.back() == '\r'))
    text.remove_suffix(1);
  return text;
}

Result<> add_line(Settings& settings, std::string_view line) {
  const std::size_t equals = line.find('=');
  if (equals == std::string_view::npos) return Error{"it is not KEY = VALUE"};
  const std::string_view name = trimmed(line.substr(0, equals));
  const std::string_view value = trimmed(line.substr(equals + 1));
  if (name == "root") {
    if (value != "yes" && value != "no") return Error{"root is yes or no"};
    settings.root = value == "yes";
    return Done{};
  }
  const auto* const key = std::ranges::find(kKeys, name, &Key::name);
  if (key == std::end(kKeys)) return Error{"there is no key '" + std::string(name) + "'"};
  if (key->words != nullptr) {
    auto words = split_words(value);
    if (!words) return words.error();
    settings.*key->words = *std::move(words);
  } else if (key->text != nullptr) {
    settings.*key->text = value;
  } else {
    (settings.*key->lines).emplace_back(value);
  }
  return Done{};
}

/// A value must stay on its line.
std::string one_line(std::string text) {
  std::ranges::replace(text, '\n', ' ');
  return text;
}

}  // namespace

Result<Settings> parse_settings(std::string_view text) {
  Settings settings;
  for (int number = 1; !text.empty(); ++number) {
    const std::string_view line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(line.size() + 1, text.size()));
    const std::string_view content = trimmed(line);
    if (content.empty() || content.front() == '#') continue;
    if (const auto done = add_line(settings, content); !done) {
      return done.error().in("line " + std::to_string(number));
    }
  }
  return settings;
}

std::string settings_text(const Settings& settings, std::string_view name) {
  std::string text = "# Settings of the environment " + std::string(name) + ".\n";
  const auto add = [&text](std::string_view key, const std::string& value) {
    text += std::string(key) + " = " + one_line(value) + "\n";
  };
  if (settings.root) add("root", "yes");
  for (const Key& key : kKeys) {
    if (key.text != nullptr && !(settings.*key.text).empty()) add(key.name, settings.*key.text);
    if (key.words != nullptr && !(settings.*key.words).empty()) {
      add(key.name, shell_words(settings.*key.words));
    }
    if (key.lines == nullptr) continue;
    for (const std::string& value : settings.*key.lines)
      add(key.name, value);
  }
  return text;
}

}  // namespace nestp::environment
