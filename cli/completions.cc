// The shells' completions, from the tables of options and programs.
#include "cli/help.h"
#include "cli/programs.h"

namespace nestp {
namespace {

/// Text between single quotes, for a shell.
std::string shell_quoted(std::string_view text) {
  std::string result = "'";
  for (const char letter : text) {
    if (letter == '\'') {
      result += "'\\''";
    } else {
      result += letter;
    }
  }
  return result + "'";
}

bool is_shown(const Option& option) { return option.group != Group::hidden; }

/// "-r|--rootfs|--root": the pattern that matches each name.
std::string name_pattern(const Option& option) {
  std::string pattern;
  for (const char letter : option.short_names) {
    pattern += (pattern.empty() ? "-" : "|-") + std::string(1, letter);
  }
  for (const std::string_view name : option.long_names) {
    if (!name.empty()) pattern += (pattern.empty() ? "--" : "|--") + std::string(name);
  }
  return pattern;
}

bool takes_directory(const Option& option) { return option.metavar == "DIR"; }
bool takes_file(const Option& option) {
  return option.metavar.starts_with("HOST") || option.metavar == "FILE";
}

std::string zsh_entry(const Option& option, const std::string& name, bool is_long) {
  std::string help;
  for (const char letter : option.help) {
    if (letter == '[' || letter == ']' || letter == ':') help += '\\';
    help += letter;
  }
  std::string entry =
      option.metavar.starts_with("HOST") || option.metavar.starts_with("NAME") ? "*" + name : name;
  if (option.value == Value::required && is_long) entry += "=";
  if (option.value == Value::attached) entry += "=-";
  entry += "[" + help + "]";
  if (option.value == Value::none) return entry;
  entry += option.value == Value::required ? ":" : "::";
  for (const char letter : option.metavar) {
    if (letter == ':') entry += '\\';
    entry += letter;
  }
  entry += ":";
  if (!option.choices.empty()) {
    entry += "(" + std::string(option.choices) + ")";
  } else if (takes_directory(option)) {
    entry += "_files -/";
  } else if (takes_file(option)) {
    entry += "_files";
  } else {
    entry += " ";
  }
  return entry;
}

}  // namespace

std::string bash_completion() {
  std::string cases;
  std::string names;
  for (const Option& option : option_table()) {
    if (!is_shown(option)) continue;
    for (const std::string_view name : option.long_names) {
      if (!name.empty()) names += " --" + std::string(name);
    }
    for (const char letter : option.short_names)
      names += std::string(" -") + letter;
    std::string words;
    if (takes_directory(option)) {
      words = "compgen -d -- \"$word\"";
    } else if (takes_file(option)) {
      words = "compgen -f -- \"$word\"";
    } else if (!option.choices.empty()) {
      words = "compgen -W '" + std::string(option.choices) + "' -- \"$word\"";
    } else if (option.value == Value::required) {
      words = ":";
    }
    if (words.empty()) continue;
    cases +=
        "    " + name_pattern(option) + ") mapfile -t COMPREPLY < <(" + words + "); return ;;\n";
  }
  std::string programs;
  for (const Program& program : program_table())
    programs += std::string(programs.empty() ? "" : " ") + std::string(program.name);
  return "# bash completion for nestp\n"
         "_nestp() {\n"
         "  local word=\"${COMP_WORDS[COMP_CWORD]}\" before=\"${COMP_WORDS[COMP_CWORD-1]}\"\n"
         "  if [ \"$before\" = = ]; then before=\"${COMP_WORDS[COMP_CWORD-2]}\"; fi\n"
         "  if [ \"$word\" = = ]; then before=\"${COMP_WORDS[COMP_CWORD-1]}\" word=; fi\n"
         "  case \"$before\" in\n" +
         cases +
         "  esac\n"
         "  case \"$word\" in\n"
         "    -*) mapfile -t COMPREPLY < <(compgen -W '" +
         names.substr(1) +
         "' -- \"$word\") ;;\n"
         "    *) mapfile -t COMPREPLY < <(\n"
         "         if [ \"$COMP_CWORD\" = 1 ]; then compgen -W '" +
         programs +
         "' -- \"$word\"; fi\n"
         "         compgen -c -f -- \"$word\") ;;\n"
         "  esac\n"
         "}\n"
         "complete -o filenames -F _nestp nestp\n";
}

std::string zsh_completion() {
  std::string text = "#compdef nestp\n_arguments -s -S \\\n";
  for (const Option& option : option_table()) {
    if (!is_shown(option)) continue;
    for (const char letter : option.short_names) {
      text += "  " + shell_quoted(zsh_entry(option, std::string("-") + letter, false)) + " \\\n";
    }
    for (const std::string_view name : option.long_names) {
      if (name.empty()) continue;
      text += "  " + shell_quoted(zsh_entry(option, "--" + std::string(name), true)) + " \\\n";
    }
  }
  std::string programs;
  for (const Program& program : program_table())
    programs += " " + std::string(program.name);
  return text + "  '(-)1:command: _alternative \"programs:nestp:(" + programs.substr(1) +
         ")\" \"commands:command:_command_names -e\"' \\\n  '*::argument: _normal'\n";
}

std::string fish_completion() {
  std::string text = "# fish completion for nestp\n";
  for (const Option& option : option_table()) {
    if (!is_shown(option)) continue;
    std::string line = "complete -c nestp";
    for (const char letter : option.short_names)
      line += std::string(" -s ") + letter;
    for (const std::string_view name : option.long_names) {
      if (!name.empty()) line += " -l " + std::string(name);
    }
    if (option.value == Value::required) line += " -r";
    if (!option.choices.empty()) {
      line += " -f -a " + shell_quoted(option.choices);
    } else if (takes_directory(option)) {
      line += " -a '(__fish_complete_directories)'";
    } else if (takes_file(option)) {
      line += " -F";
    }
    text += line + " -d " + shell_quoted(option.help) + "\n";
  }
  for (const Program& program : program_table()) {
    text += "complete -c nestp -n __fish_use_subcommand -a " + std::string(program.name) + " -d " +
            shell_quoted(program.help) + "\n";
  }
  return text;
}

}  // namespace nestp
