#include "extensions/hidden_files.h"

#include <algorithm>
#include <cerrno>
#include <dirent.h>
#include <sys/stat.h>

#include "extensions/listing.h"
#include "extensions/path_calls.h"
#include "extensions/stat_answer.h"
#include "fs/fd.h"

namespace nestp {
SysSet HiddenFiles::entries() const { return stat_by_descriptor_calls(); }

SysSet HiddenFiles::exits() const { return listing_calls(); }

SysSet HiddenFiles::objects() const { return path_calls(); }

bool HiddenFiles::is_hidden(std::string_view name) const {
  return std::any_of(prefixes_.begin(), prefixes_.end(),
                     [name](const std::string& prefix) { return name.starts_with(prefix); });
}

bool HiddenFiles::leads_to_hidden(std::string_view path) const {
  for (std::size_t at = 0; at < path.size();) {
    const std::size_t end = std::min(path.find('/', at), path.size());
    if (is_hidden(path.substr(at, end - at))) return true;
    at = end + 1;
  }
  return false;
}

Entry HiddenFiles::on_entry(Call& call) {
  looked_at_[call.thread] = descriptor_path(call);
  call.wants_exit = true;
  return Entry::proceed;
}

Entry HiddenFiles::on_objects(Call& call) {
  for (const CallObject& object : call.objects) {
    const std::size_t start = std::min(object.outside, object.host.size());
    if (!leads_to_hidden(std::string_view(object.host).substr(start))) continue;
    call.result = -ENOENT;
    return Entry::answered;
  }
  if (stat_by_path_calls().test(static_cast<std::size_t>(call.sys)) && !call.objects.empty()) {
    looked_at_[call.thread] = call.objects.front().host;
    call.wants_exit = true;
  }
  return Entry::proceed;
}

std::uint64_t HiddenFiles::count_hidden_directories(const std::string& host) const {
  std::uint64_t count = 0;
  DIR* const directory = opendir(host.c_str());
  if (directory == nullptr) return 0;
  while (const dirent* const entry = readdir(directory)) {
    if (!is_hidden(entry->d_name)) continue;
    const auto status = lstat_of(host + "/" + entry->d_name);
    if (status && S_ISDIR(status->st_mode)) ++count;
  }
  closedir(directory);
  return count;
}

void HiddenFiles::on_exit(Call& call) {
  if (listing_calls().test(static_cast<std::size_t>(call.sys))) {
    return change_listing(call,
                          [this](ListedEntry& entry) { entry.is_kept = !is_hidden(entry.name); });
  }
  const auto looked_at = looked_at_.extract(call.thread);
  auto answer = StatAnswer::of(call);
  // Where subdirectories are not counted at all it is 1, as on btrfs.
  if (looked_at.empty() || !answer || !S_ISDIR(answer->mode()) || answer->links() <= 2) return;
  const std::uint64_t hidden = count_hidden_directories(looked_at.mapped());
  if (hidden != 0) answer->set_links(answer->links() - std::min(hidden, answer->links() - 2));
}

}  // namespace nestp
