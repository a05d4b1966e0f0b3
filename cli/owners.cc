#include "cli/owners.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <map>
#include <optional>
#include <sys/stat.h>
#include <unistd.h>
#include <utility>
#include <vector>

#include "cli/output.h"
#include "cli/run.h"
#include "extensions/identity/identity.h"
#include "extensions/identity/owner_lists.h"
#include "fs/directory_stream.h"
#include "fs/fd.h"

namespace nestp {
namespace {

using identity::OwnedFile;
using identity::OwnedFiles;
using identity::OwnerEntry;
using identity::OwnerRecord;

constexpr std::string_view kUsage =
    "owners takes 'export' or 'import', a root file system, and perhaps --format=mtree or "
    "--format=fakeroot";

struct Wish {
  bool imports = false;
  bool as_mtree = true;
  std::string rootfs{};
};

std::optional<Wish> parse_wish(std::span<const std::string> words) {
  Wish wish;
  std::vector<std::string> rest;
  for (const std::string& word : words) {
    if (word == "--format=fakeroot" || word == "--format=mtree") {
      wish.as_mtree = word.ends_with("mtree");
    } else if (word.starts_with('-')) {
      return std::nullopt;
    } else {
      rest.push_back(word);
    }
  }
  if (rest.size() != 2 || (rest[0] != "export" && rest[0] != "import")) return std::nullopt;
  wish.imports = rest[0] == "import";
  wish.rootfs = rest[1];
  while (wish.rootfs.size() > 1 && wish.rootfs.back() == '/')
    wish.rootfs.pop_back();
  return wish;
}

using Visit = std::function<void(const std::string& below, const OwnedFile& file)>;

/// Each file of the tree at `root`, its directory before it; other file systems are left out.
void walk(OwnedFiles& files, const std::string& root, const std::string& below, dev_t device,
          const Visit& visit) {
  const std::string host = root + below;
  const auto file = files.look(host, false);
  if (!file || file->status().st_dev != device) return;
  visit("." + below, *file);
  if (!S_ISDIR(file->status().st_mode)) return;
  std::vector<std::string> names;
  const DirectoryStream directory(opendir(host.c_str()));
  if (directory == nullptr) return;
  while (const dirent* entry = readdir(directory.get())) {
    const std::string name = entry->d_name;
    if (name != "." && name != "..") names.push_back(name);
  }
  for (const std::string& name : names) {
    std::string entry = below;
    entry.append("/").append(name);
    walk(files, root, entry, device, visit);
  }
}

int export_owners(OwnedFiles& files, const Wish& wish, dev_t device) {
  std::string text = wish.as_mtree ? "#mtree\n" : "";
  walk(files, wish.rootfs, "", device, [&](const std::string& below, const OwnedFile& file) {
    OwnerEntry entry{.path = below,
                     .device = file.status().st_dev,
                     .inode = file.status().st_ino,
                     .links = file.status().st_nlink,
                     .record = file.record};
    if (!wish.as_mtree) {
      // What it does not know, fakeroot takes for root's.
      if (file.is_stored) text += fakeroot_line(entry);
      return;
    }
    if (S_ISLNK(file.record.mode)) {
      if (const auto target = read_link(file.ref.host)) entry.target = *target;
    }
    text += mtree_line(entry);
  });
  print(text);
  return 0;
}

/// The record of a list given to a file, if it can be that file's.
bool give(OwnedFiles& files, const OwnedFile& file, OwnerRecord record) {
  const bool is_device = S_ISCHR(record.mode) || S_ISBLK(record.mode);
  const mode_t type = file.status().st_mode & S_IFMT;
  const bool fits = type == (record.mode & S_IFMT) || (is_device && type == S_IFREG);
  if (!is_device) record.device = file.record.device;
  return fits && files.set(file, record).ok();
}

std::string read_input() {
  std::string text;
  std::array<char, 65536> part{};
  for (;;) {
    const ssize_t got = ::read(STDIN_FILENO, part.data(), part.size());
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return text;
    text.append(part.data(), static_cast<std::size_t>(got));
  }
}

std::vector<OwnerEntry> read_entries(bool as_mtree) {
  std::vector<OwnerEntry> entries;
  const std::string text = read_input();
  std::string_view rest = text;
  while (!rest.empty()) {
    const std::string_view line = rest.substr(0, rest.find('\n'));
    rest.remove_prefix(std::min(line.size() + 1, rest.size()));
    auto entry = as_mtree ? identity::parse_mtree(line) : identity::parse_fakeroot(line);
    if (entry) entries.push_back(*std::move(entry));
  }
  return entries;
}

int import_owners(OwnedFiles& files, const Wish& wish, dev_t device) {
  const std::vector<OwnerEntry> entries = read_entries(wish.as_mtree);
  std::size_t given = 0;
  if (wish.as_mtree) {
    for (const OwnerEntry& entry : entries) {
      // A list must not lead out of the tree, nor through a link.
      const bool leads_up = (entry.path + "/").find("/../") != std::string::npos;
      const auto file = files.look(wish.rootfs + "/" + entry.path, false);
      if (!leads_up && file && give(files, *file, entry.record)) ++given;
    }
  } else {
    std::map<std::pair<dev_t, ino_t>, OwnerRecord> by_inode;
    for (const OwnerEntry& entry : entries)
      by_inode[{entry.device, entry.inode}] = entry.record;
    walk(files, wish.rootfs, "", device, [&](const std::string&, const OwnedFile& file) {
      const auto found = by_inode.find({file.status().st_dev, file.status().st_ino});
      if (found == by_inode.end()) return;
      if (give(files, file, found->second)) ++given;
      by_inode.erase(found);
    });
  }
  if (given == entries.size() && given != 0) return 0;
  return fail("owners import: " + std::to_string(given) + " of " + std::to_string(entries.size()) +
                  " entries were taken; the others name no file of \"" + wish.rootfs + "\"",
              1);
}

}  // namespace

int run_owners(std::span<const std::string> words) {
  const auto wish = parse_wish(words);
  if (!wish) return fail(std::string(kUsage), exit_not_started);
  const auto status = stat_of(wish->rootfs);
  if (!status) {
    return fail("owners: " + wish->rootfs + ": " + std::strerror(status.error().code()),
                exit_not_started);
  }
  const char* const home = std::getenv("HOME");
  const std::string state = home != nullptr ? std::string(home) + "/.local/state/nestp" : "";
  OwnedFiles files({.places = owner_places(wish->rootfs, state), .root_device = status->st_dev});
  return wish->imports ? import_owners(files, *wish, status->st_dev)
                       : export_owners(files, *wish, status->st_dev);
}

}  // namespace nestp
