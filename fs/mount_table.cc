#include "fs/mount_table.h"

#include <algorithm>
#include <initializer_list>
#include <optional>
#include <utility>
#include <vector>

#include "fs/proc_escape.h"

namespace nestp {
namespace {

/// A line of the host's mountinfo; proc_pid_mountinfo(5) has the fields.
struct HostMount {
  std::string device;
  std::string root;  ///< directory of the file system that is mounted
  HostPath point = HostPath::root();
  std::string options;
  std::string type;
  std::string source;
  std::string super_options;
};

struct Row {
  GuestPath guest;
  HostMount mount;  ///< `root` and `options` as the guest sees them
};

std::string_view next_word(std::string_view& rest) {
  rest.remove_prefix(std::min(rest.find_first_not_of(' '), rest.size()));
  const std::string_view word = rest.substr(0, rest.find(' '));
  rest.remove_prefix(word.size());
  return word;
}

std::optional<HostMount> parse_line(std::string_view line) {
  HostMount mount;
  (void)next_word(line);  // id
  (void)next_word(line);  // parent
  mount.device = next_word(line);
  mount.root = unescape_name(next_word(line));
  const auto point = HostPath::parse(unescape_name(next_word(line)));
  if (!point) return std::nullopt;  // "(unreachable)", or no mountinfo at all
  mount.point = *point;
  mount.options = next_word(line);
  while (!line.empty() && next_word(line) != "-")
    continue;  // propagation
  mount.type = next_word(line);
  mount.source = unescape_name(next_word(line));
  mount.super_options = next_word(line);
  return mount;
}

/// All mounts that can be reached; of several on one point the topmost.
std::vector<HostMount> parse_mountinfo(std::string_view text) {
  std::vector<HostMount> mounts;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    if (auto mount = parse_line(text.substr(0, end))) {
      const auto same = std::find_if(mounts.begin(), mounts.end(), [&](const HostMount& other) {
        return other.point == mount->point;
      });
      if (same != mounts.end()) mounts.erase(same);
      mounts.push_back(*std::move(mount));
    }
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return mounts;
}

HostMount mount_of(const std::vector<HostMount>& mounts, const HostPath& host) {
  const HostMount* deepest = nullptr;
  for (const HostMount& mount : mounts) {
    if (!mount.point.contains(host)) continue;
    if (deepest == nullptr || deepest->point.text().size() <= mount.point.text().size()) {
      deepest = &mount;
    }
  }
  if (deepest != nullptr) return *deepest;
  return {.device = "0:0",
          .root = "/",
          .options = "rw",
          .type = "none",
          .source = "none",
          .super_options = "rw"};
}

/// "rw,nosuid" with its first word replaced.
std::string read_only(const std::string& options) {
  return options.starts_with("rw") ? "ro" + options.substr(2) : options;
}

Row row_of(const Binding& binding, const std::vector<HostMount>& mounts) {
  HostMount mount = mount_of(mounts, binding.host);
  const std::string_view below =
      mount.point.contains(binding.host) ? binding.host.below(mount.point) : std::string_view();
  if (!below.empty()) mount.root = (mount.root == "/" ? "" : mount.root) + std::string(below);
  if (!binding.type.empty()) {
    mount.type = binding.type;
    mount.root = "/";
    mount.super_options = "rw";
  }
  if (!binding.source.empty()) mount.source = binding.source;
  if (binding.read_only) mount.options = read_only(mount.options);
  return {.guest = binding.guest, .mount = std::move(mount)};
}

/// Every mount of the view, each binding followed by the host's mounts in it.
std::vector<Row> rows_of(const View& view, const GuestPath& root,
                         const std::vector<HostMount>& mounts) {
  std::vector<Row> rows;
  for (const Binding& binding : view.bindings()) {
    if (binding.placeholder) continue;
    if (root.contains(binding.guest)) rows.push_back(row_of(binding, mounts));
    for (const HostMount& mount : mounts) {
      if (mount.point == binding.host || !binding.host.contains(mount.point)) continue;
      GuestPath guest = binding.guest.joined(mount.point.below(binding.host));
      if (!root.contains(guest) || &view.binding_of(guest) != &binding) continue;
      Row row{.guest = std::move(guest), .mount = mount};
      if (binding.read_only) row.mount.options = read_only(mount.options);
      rows.push_back(std::move(row));
    }
  }
  return rows;
}

std::string name_in(const GuestPath& root, const GuestPath& guest) {
  const std::string_view below = guest.below(root);
  return escape_name(below.empty() ? "/" : below, kMountEscapes);
}

/// Options of one line of mounts: those of the mount, then those of the file system.
std::string joined_options(const HostMount& mount) {
  const auto after_first = [](const std::string& options) {
    const std::size_t comma = options.find(',');
    return comma == options.npos ? std::string() : options.substr(comma);
  };
  const bool is_read_only =
      mount.options.starts_with("ro") || mount.super_options.starts_with("ro");
  return (is_read_only ? "ro" : "rw") + after_first(mount.options) +
         after_first(mount.super_options);
}

// The first id a table shows; small numbers look like the kernel's own mounts.
constexpr std::size_t kFirstId = 100;

/// Id of the mount that holds the mount point of `row`; of the root's own, one that is not shown.
std::size_t parent_id(const std::vector<Row>& rows, const Row& row) {
  std::size_t best = kFirstId - 1;
  std::size_t best_size = 0;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const GuestPath& other = rows[i].guest;
    if (&rows[i] == &row || other == row.guest || !other.contains(row.guest)) continue;
    if (other.text().size() <= best_size) continue;
    best = kFirstId + i;
    best_size = other.text().size();
  }
  return best;
}

void append_line(std::string& text, std::initializer_list<std::string_view> words) {
  for (const std::string_view word : words)
    text.append(word).append(" ");
  text.back() = '\n';
}

}  // namespace

std::string mount_table(ProcText format, const View& view, const GuestPath& root,
                        std::string_view host_mountinfo) {
  const std::vector<Row> rows = rows_of(view, root, parse_mountinfo(host_mountinfo));
  std::string text;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const HostMount& mount = rows[i].mount;
    const std::string point = name_in(root, rows[i].guest);
    const std::string source = escape_name(mount.source, kMountEscapes);
    if (format == ProcText::mountstats) {
      append_line(text, {"device", source, "mounted on", point, "with fstype", mount.type});
    } else if (format == ProcText::mountinfo) {
      append_line(text, {std::to_string(kFirstId + i), std::to_string(parent_id(rows, rows[i])),
                         mount.device, escape_name(mount.root, kMountEscapes), point, mount.options,
                         "-", mount.type, source, mount.super_options});
    } else {
      append_line(text, {source, point, mount.type, joined_options(mount), "0 0"});
    }
  }
  return text;
}

}  // namespace nestp
