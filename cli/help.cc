#include "cli/help.h"

#include "cli/programs.h"

namespace nestp {
namespace {

constexpr std::size_t kHelpColumn = 29;  // where the description starts

/// "=DIR", "[=FILE]", " DIR": the value as it follows a long name.
std::string long_value(const Option& option) {
  switch (option.value) {
    case Value::none:
      return {};
    case Value::required:
      return " " + std::string(option.metavar);
    case Value::attached:
      return "[=" + std::string(option.metavar) + "]";
    case Value::number:
    case Value::topic:
      return " [" + std::string(option.metavar) + "]";
  }
  return {};
}

/// "  -r, --rootfs DIR".
std::string synopsis_line(const Option& option) {
  std::string line = "  ";
  const bool has_long = !option.long_names[0].empty();
  if (option.short_names.empty()) {
    line += "    ";
  } else {
    line += std::string("-") + option.short_names[0] + (has_long ? ", " : "");
  }
  if (has_long) line += "--" + std::string(option.long_names[0]);
  return line + long_value(option);
}

std::string help_line(const Option& option) {
  std::string line = synopsis_line(option);
  // A long synopsis takes a line of its own, so that the descriptions stay in one column.
  if (line.size() + 1 >= kHelpColumn) {
    line += '\n';
    line.append(kHelpColumn, ' ');
  } else {
    line.append(kHelpColumn - line.size(), ' ');
  }
  return line + std::string(option.help) + '\n';
}

std::string program_of(Grammar grammar) { return grammar == Grammar::proot ? "proot" : "nestp"; }

/// All names of an option with the separators that `grammar` takes.
std::string all_forms(const Option& option, Grammar grammar) {
  std::string forms;
  const std::string metavar(option.metavar);
  const auto add = [&forms](const std::string& form) {
    forms += (forms.empty() ? "" : ", ") + form;
  };
  for (const char letter : option.short_names) {
    std::string form = std::string("-") + letter;
    if (option.value == Value::required) form += " " + metavar;
    if (option.value == Value::number) {
      form += grammar == Grammar::proot ? " " + metavar : " [" + metavar + "]";
    }
    add(form);
  }
  for (const std::string_view name : option.long_names) {
    if (name.empty()) continue;
    std::string form = "--" + std::string(name);
    if (option.value == Value::required) form += "=" + metavar;
    if (option.value != Value::none && option.value != Value::required)
      form += "[=" + metavar + "]";
    add(form);
  }
  return forms;
}

}  // namespace

std::string wrapped(std::string_view text, std::size_t indent, std::size_t width) {
  std::string result;
  std::size_t column = 0;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find(' '), text.size());
    const std::string_view word = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    if (column != 0 && column + 1 + word.size() > width) {
      result += '\n';
      column = 0;
    }
    if (column == 0) {
      result.append(indent, ' ');
      column = indent;
    } else {
      result += ' ';
      ++column;
    }
    result += word;
    column += word.size();
  }
  if (column != 0) result += '\n';
  return result;
}

std::string help_text(Grammar grammar) {
  const std::string program = program_of(grammar);
  std::string text = "Usage: " + program + " [OPTION]... " +
                     (grammar == Grammar::nestp ? "[--] " : "") + "[COMMAND [ARG]...]\n" +
                     wrapped(
                         "Run COMMAND [/bin/sh] inside a directory tree as if that tree were "
                         "\"/\", without being root.",
                         0);
  for (const Group group : kShownGroups) {
    text += "\n" + std::string(title_of(group)) + ":\n";
    for (const Option& option : option_table()) {
      if (option.group == group) text += help_line(option);
    }
  }
  if (grammar == Grammar::nestp) {
    text += "\nOther commands, as 'nestp NAME ...':\n";
    for (const Program& other : program_table()) {
      std::string line = "  " + std::string(other.name);
      line.append(line.size() < 18 ? 18 - line.size() : 1, ' ');
      text += line + std::string(other.help) + '\n';
    }
  }
  text += "\nThe exit status is the command's own, 128+N if signal N killed it, 125 if " + program +
          "\ncould not start it, 126 if it cannot be executed, 127 if it was not found.\n";
  text += "'" + program + " --help" + (grammar == Grammar::proot ? "=" : " ") +
          "OPTION' tells more of one option; 'man nestp' of all.\n";
  return text;
}

std::string help_text(const Option& option, Grammar grammar) {
  std::string text = wrapped(all_forms(option, grammar), 0);
  text += wrapped(std::string(option.help) + ".", 4);
  text += wrapped(option.long_help, 4);
  return text;
}

}  // namespace nestp
