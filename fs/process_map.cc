#include "fs/process_map.h"

#include <algorithm>
#include <charconv>
#include <optional>

#include "fs/proc_escape.h"

namespace nestp {
namespace {

constexpr std::string_view kDeleted = " (deleted)";  // what the kernel adds to a name
constexpr std::string_view kFileField = " file=/";   // of numa_maps

/// The line in front of `rest` with its newline; taken off `rest`.
std::string_view next_line(std::string_view& rest) {
  const std::size_t end = rest.find('\n');
  const std::string_view line = rest.substr(0, end == rest.npos ? end : end + 1);
  rest.remove_prefix(line.size());
  return line;
}

/// Start address of a mapping; none: the line tells more of the mapping above it (smaps).
std::optional<std::uint64_t> start_address(ProcText format, std::string_view line) {
  std::uint64_t address = 0;
  const auto [end, failure] = std::from_chars(line.data(), line.data() + line.size(), address, 16);
  const char expected = format == ProcText::numa_maps ? ' ' : '-';
  if (failure != std::errc() || end == line.data() + line.size() || *end != expected) {
    return std::nullopt;
  }
  return address;
}

/// Where the file name starts in a line of maps; npos: it has none.
std::size_t name_in_maps(std::string_view line) {
  std::size_t at = 0;
  // Address range, permissions, offset, device and inode stand before it.
  for (int field = 0; field < 5 && at != line.npos; ++field) {
    at = line.find(' ', at);
    at = line.find_first_not_of(' ', at);
  }
  return at != line.npos && line[at] == '/' ? at : line.npos;
}

std::string guest_name(std::string_view name, const View& view, const GuestPath& root) {
  bool is_deleted = name.ends_with(kDeleted);
  std::string file(is_deleted ? name.substr(0, name.size() - kDeleted.size()) : name);
  if (auto copied = copied_file(file)) {
    file = std::move(*copied);
    is_deleted = false;
  }
  const auto host = HostPath::parse(file);
  if (!host) return std::string(name);
  const auto guest = view.to_guest(*host);
  if (!guest || !root.contains(*guest)) return std::string(name);
  const std::string_view below = guest->below(root);
  std::string text(below.empty() ? "/" : below);
  if (is_deleted) text += kDeleted;
  return text;
}

std::string renamed(ProcText format, std::string_view line, const View& view,
                    const GuestPath& root) {
  if (format == ProcText::numa_maps) {
    const std::size_t field = line.find(kFileField);
    if (field == line.npos) return std::string(line);
    const std::size_t start = field + kFileField.size() - 1;
    const std::size_t end = std::min(line.find_first_of(" \n", start), line.size());
    const std::string host = unescape_name(line.substr(start, end - start));
    return std::string(line.substr(0, start)) +
           escape_name(guest_name(host, view, root), kMapEscapes) + std::string(line.substr(end));
  }
  const std::size_t start = name_in_maps(line);
  if (start == line.npos) return std::string(line);
  const std::size_t end = std::min(line.find('\n', start), line.size());
  return std::string(line.substr(0, start)) +
         guest_name(line.substr(start, end - start), view, root) + std::string(line.substr(end));
}

}  // namespace

std::optional<std::string> copied_file(std::string_view name) {
  constexpr std::string_view kInMemory = "/memfd:nestp:";
  constexpr std::string_view kFolder = "/nestp/copies/";
  constexpr std::size_t kKey = 16;  // hexadecimal digits, then a colon
  if (name.starts_with(kInMemory)) return std::string(name.substr(kInMemory.size()));
  const std::size_t folder = name.rfind(kFolder);
  if (folder == name.npos) return std::nullopt;
  const std::string_view file = name.substr(folder + kFolder.size());
  if (file.size() <= kKey || file.find_first_not_of("0123456789abcdef") != kKey ||
      file[kKey] != ':') {
    return std::nullopt;
  }
  return unescape_name(file.substr(kKey + 1));
}

std::string guest_maps(ProcText format, std::string_view host_text, const View& view,
                       const GuestPath& root, std::span<const AddressRange> hidden) {
  std::string text;
  text.reserve(host_text.size());
  bool is_hidden = false;
  while (!host_text.empty()) {
    const std::string_view line = next_line(host_text);
    if (const auto address = start_address(format, line)) {
      is_hidden = std::any_of(hidden.begin(), hidden.end(), [&](const AddressRange& range) {
        return *address >= range.begin && *address < range.end;
      });
      if (!is_hidden) text += renamed(format, line, view, root);
    } else if (!is_hidden) {
      text += line;
    }
  }
  return text;
}

/// As fs/proc/array.c names states.
static std::string state_line(char state) {
  const char* const name = state == 'T' ? "stopped" : "running";
  return std::string("State:\t") + state + " (" + name + ")\n";
}

std::string guest_status(std::string_view host_text, const GuestStatus& status) {
  struct Field {
    std::string_view name;
    std::uint64_t value;
  };
  const Field fields[] = {
      {"TracerPid:\t", static_cast<std::uint64_t>(status.tracer)},
      {"NoNewPrivs:\t", status.no_new_privs ? 1U : 0U},
      {"Seccomp:\t", status.seccomp_mode},
      {"Seccomp_filters:\t", status.seccomp_filters},
  };
  std::string text;
  text.reserve(host_text.size());
  while (!host_text.empty()) {
    const std::string_view line = next_line(host_text);
    if (status.state != 0 && line.starts_with("State:\tt ")) {
      text += state_line(status.state);
      continue;
    }
    const auto field = std::find_if(std::begin(fields), std::end(fields), [&](const Field& known) {
      return line.starts_with(known.name);
    });
    if (field == std::end(fields)) {
      text += line;
    } else {
      text += std::string(field->name) + std::to_string(field->value) + "\n";
    }
  }
  return text;
}

std::optional<std::string> guest_stat(std::string_view host_text, char state) {
  // The name may hold any character, so the last parenthesis counts (proc_pid_stat(5)).
  const std::size_t at = host_text.rfind(") t ");
  if (state == 0 || at == host_text.npos) return std::nullopt;
  std::string text(host_text);
  text[at + 2] = state;
  return text;
}

}  // namespace nestp
