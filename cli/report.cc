#include "cli/report.h"

#include <algorithm>

#include "arch/abi.h"
#include "arch/syscall_table.h"

namespace nestp {
namespace {

/// A word of these alone needs no quotes in a shell.
constexpr std::string_view kPlain =
    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_@%+=:,./-";

/// `text` in a column of `width`, and at least one blank behind it.
std::string column(std::string_view text, std::size_t width) {
  std::string cell(text);
  cell.append(std::max(width, cell.size() + 1) - cell.size(), ' ');
  return cell;
}

std::string fact(std::string_view name, const std::string& value) {
  return column(name, 12) + value + '\n';
}

std::string_view name_of(OnExit on_exit) {
  switch (on_exit) {
    case OnExit::wait:
      return "wait";
    case OnExit::kill:
      return "kill";
    case OnExit::detach:
      return "detach";
  }
  return {};
}

/// "/srv/a -> /b (read-only)".
std::string binding_text(const Binding& binding) {
  std::string text = binding.host.text() + " -> " + binding.guest.text();
  if (binding.type == "tmpfs") {
    text = "tmpfs -> " + binding.guest.text();
  } else if (binding.read_only) {
    text += " (read-only)";
  }
  return text;
}

}  // namespace

std::string shell_words(std::span<const std::string> words) {
  std::string text;
  for (const std::string& word : words) {
    if (!text.empty()) text += ' ';
    if (!word.empty() && word.find_first_not_of(kPlain) == std::string::npos) {
      text += word;
      continue;
    }
    text += '\'';
    for (const char letter : word)
      text += letter == '\'' ? "'\\''" : std::string(1, letter);
    text += '\'';
  }
  return text;
}

std::string version_text(std::span<const std::unique_ptr<Backend>> backends, const Guest& plain) {
  std::string text = "nestp " NESTP_VERSION "\n";
  for (const auto& backend : backends) {
    const std::vector<std::string> refusals = backend->refusals(plain);
    text += "backend " + std::string(backend->name()) + ": " +
            (refusals.empty() ? "usable here" : refusals.front()) + '\n';
  }
  text += "runs programs for";
  for (const Abi* const abi : host_abis())
    text += " " + std::string(abi->name);
  return text + "\nLicence: Apache-2.0\n";
}

std::string guest_text(const PreparedGuest& prepared, std::string_view backend) {
  const Guest& guest = prepared.guest;
  std::string text = fact("backend", std::string(backend));
  for (const Binding& binding : guest.view->bindings()) {
    if (binding.placeholder) continue;
    text += binding.guest.is_root() ? fact("root", binding.host.text())
                                    : fact("binding", binding_text(binding));
  }
  text += fact("directory", guest.directory.text());
  text += fact("program", guest.program);
  text += fact("command", shell_words(guest.command));
  text += fact("on exit", std::string(name_of(guest.on_exit)));
  if (!guest.accelerate) text += fact("stops", "at every call (PROOT_NO_SECCOMP)");
  return text;
}

std::string syscall_list() {
  std::string text = column("call", 28);
  for (const Abi* const abi : host_abis())
    text += column(abi->name, 8);
  text += "left as it is\n";
  for (const SyscallRow& row : syscall_table()) {
    std::string line = column(name_of(row.sys), 28);
    for (const Abi* const abi : host_abis()) {
      const std::int32_t number = number_of(*abi, row.sys);
      line += column(number < 0 ? "-" : std::to_string(number), 8);
    }
    line += row.note;
    line.erase(line.find_last_not_of(' ') + 1);
    text += line + '\n';
  }
  return text;
}

}  // namespace nestp
