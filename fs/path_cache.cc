#include "fs/path_cache.h"

#include <algorithm>
#include <ctime>
#include <unordered_map>
#include <vector>

#include "fs/hash.h"

namespace nestp {
namespace {

constexpr std::size_t kFirstSlots = 512;         // power of two
constexpr std::size_t kMaxTextBytes = 8U << 20;  // names and link texts
constexpr PathCache::Id kLastId = 0xf0000000;    // start anew long before ids wrap
constexpr auto kStaleMilliseconds = static_cast<std::uint32_t>(PathCache::kStaleness.count());

/// Wraps after 49 days; only differences are used.
std::uint32_t now_in_milliseconds() {
  timespec now{};
  ::clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
  return static_cast<std::uint32_t>(now.tv_sec * 1000 + now.tv_nsec / 1'000'000);
}

/// A trailing slash is no part of an entry's name.
std::string entry_name(const std::string& host) {
  const std::size_t last = host.find_last_not_of('/');
  return host.substr(0, last == host.npos ? 0 : last + 1);
}

std::uint32_t hash_of(PathCache::Id parent, std::string_view name) {
  return static_cast<std::uint32_t>(hash_bytes(name, parent));
}

}  // namespace

struct PathCache::Tree {
  struct Entry {
    std::uint32_t hash;
    Id parent;
    Id id;
    std::uint32_t name;  ///< offset in text
    std::uint32_t target = 0;
    std::uint32_t stamp = 0;  ///< milliseconds, when `kind` was seen
    std::uint16_t name_size;
    std::uint16_t target_size = 0;
    Kind kind = Kind::unknown;
    bool is_volatile = false;
  };

  std::vector<Entry> entries;
  std::vector<std::uint32_t> slots =
      std::vector<std::uint32_t>(kFirstSlots);  ///< 0: free; index + 1
  std::string text;
  Id next_id = kRoot + 1;
  std::uint32_t now = now_in_milliseconds();
  std::unordered_map<std::string, unsigned> changing;  ///< host path -> calls under way

  std::string_view name_of(const Entry& entry) const {
    return std::string_view(text).substr(entry.name, entry.name_size);
  }

  std::uint32_t append(std::string_view piece) {
    const auto offset = static_cast<std::uint32_t>(text.size());
    text += piece;
    return offset;
  }

  Entry* find(Id parent, std::string_view name, std::uint32_t hash) {
    const std::size_t mask = slots.size() - 1;
    for (std::size_t slot = hash & mask; slots[slot] != 0; slot = (slot + 1) & mask) {
      Entry& entry = entries[slots[slot] - 1];
      if (entry.hash == hash && entry.parent == parent && name_of(entry) == name) return &entry;
    }
    return nullptr;
  }

  void place(std::size_t index) {
    const std::size_t mask = slots.size() - 1;
    std::size_t slot = entries[index].hash & mask;
    while (slots[slot] != 0)
      slot = (slot + 1) & mask;
    slots[slot] = static_cast<std::uint32_t>(index + 1);
  }

  Entry& find_or_make(Id parent, std::string_view name) {
    const std::uint32_t hash = hash_of(parent, name);
    if (Entry* entry = find(parent, name, hash)) return *entry;
    entries.push_back({.hash = hash,
                       .parent = parent,
                       .id = next_id++,
                       .name = append(name),
                       .name_size = static_cast<std::uint16_t>(name.size())});
    if (entries.size() * 2 > slots.size()) {
      slots.assign(slots.size() * 2, 0);
      for (std::size_t i = 0; i < entries.size(); ++i)
        place(i);
    } else {
      place(entries.size() - 1);
    }
    return entries.back();
  }

  /// Null for "/", which nobody can replace.
  Entry* entry_at(std::string_view host) {
    Entry* entry = nullptr;
    Id id = kRoot;
    while (!host.empty()) {
      const std::size_t end = std::min(host.find('/'), host.size());
      if (end > 0) {
        entry = &find_or_make(id, host.substr(0, end));
        id = entry->id;
      }
      host.remove_prefix(std::min(end + 1, host.size()));
    }
    return entry;
  }

  void mark(const std::string& host, bool is_volatile) {
    Entry* entry = entry_at(host);
    if (entry == nullptr) return;
    entry->kind = Kind::unknown;
    entry->is_volatile = is_volatile;
    entry->id = next_id++;
    // Entries below have just gone out of reach, and with them the marks of other calls there.
    for (const auto& [other, count] : changing) {
      if (other.size() > host.size() && other.starts_with(host) && other[host.size()] == '/') {
        Entry& below = *entry_at(other);
        below.is_volatile = true;
      }
    }
  }

  void clear() {
    entries.clear();
    text.clear();
    slots.assign(kFirstSlots, 0);
    next_id = kRoot + 1;
    for (const auto& [host, count] : changing) {
      if (Entry* entry = entry_at(host)) entry->is_volatile = true;
    }
  }

  bool is_full() const {
    return entries.size() > kMaxEntries || text.size() > kMaxTextBytes || next_id > kLastId;
  }
};

PathCache::PathCache() : tree_(std::make_unique<Tree>()) {}
PathCache::~PathCache() = default;

void PathCache::begin_walk() {
  tree_->now = now_in_milliseconds();
  if (tree_->is_full()) clear();
}

PathCache::Fact PathCache::find(Id directory, std::string_view name) {
  Tree& tree = *tree_;
  const Tree::Entry* entry =
      directory == kUncached ? nullptr : tree.find(directory, name, hash_of(directory, name));
  if (entry == nullptr || entry->is_volatile || entry->kind == Kind::unknown ||
      tree.now - entry->stamp > kStaleMilliseconds) {
    ++misses_;
    return {};
  }
  ++hits_;
  return {.kind = entry->kind,
          .id = entry->id,
          .target = std::string_view(tree.text).substr(entry->target, entry->target_size)};
}

PathCache::Id PathCache::remember(Id directory, std::string_view name, Kind kind,
                                  std::string_view target) {
  if (directory == kUncached) return kUncached;
  Tree& tree = *tree_;
  Tree::Entry& entry = tree.find_or_make(directory, name);
  if (entry.is_volatile) return kUncached;
  const bool same = entry.kind == Kind::link && kind == Kind::link &&
                    std::string_view(tree.text).substr(entry.target, entry.target_size) == target;
  if (!same) {
    entry.target = kind == Kind::link ? tree.append(target) : 0;
    entry.target_size = static_cast<std::uint16_t>(target.size());
  }
  entry.kind = kind;
  entry.stamp = tree.now;
  return entry.id;
}

PathCache::Id PathCache::child(Id directory, std::string_view name) {
  if (directory == kUncached) return kUncached;
  const Tree::Entry& entry = tree_->find_or_make(directory, name);
  return entry.is_volatile ? kUncached : entry.id;
}

PathCache::Id PathCache::locate(std::string_view host) {
  Id id = kRoot;
  while (!host.empty()) {
    const std::size_t end = std::min(host.find('/'), host.size());
    if (end > 0) id = child(id, host.substr(0, end));
    host.remove_prefix(std::min(end + 1, host.size()));
  }
  return id;
}

void PathCache::begin_change(const std::string& host) {
  if (tree_->is_full()) clear();
  const std::string entry = entry_name(host);
  if (++tree_->changing[entry] == 1) tree_->mark(entry, true);
}

void PathCache::end_change(const std::string& host) {
  const std::string entry = entry_name(host);
  const auto found = tree_->changing.find(entry);
  if (found == tree_->changing.end() || --found->second > 0) return;
  tree_->changing.erase(found);
  tree_->mark(entry, false);
}

void PathCache::clear() { tree_->clear(); }

}  // namespace nestp
