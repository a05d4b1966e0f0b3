#include "cli/image/oci.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <linux/openat2.h>
#include <set>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "cli/image/download.h"
#include "cli/image/json.h"
#include "fs/fd.h"

namespace nestp {
namespace {

constexpr std::string_view kWhiteout = ".wh.";
constexpr std::string_view kOpaque = ".wh..wh..opq";

ImageConfig config_of(const Json& document) {
  const Json config = document["config"];
  return {.environment = config["Env"].texts(),
          .entrypoint = config["Entrypoint"].texts(),
          .command = config["Cmd"].texts(),
          .directory = config["WorkingDir"].text(),
          .user = config["User"].text(),
          .architecture = document["architecture"].text()};
}

Result<Json> parse_file(const std::string& path) {
  const auto text = read_file(path);
  if (!text) return Error{path + ": " + std::strerror(text.error().code())};
  auto json = Json::parse(*text);
  if (!json) return json.error().in(path);
  return json;
}

/// Digest of the manifest for `machine` in an index.
Result<std::string> choose_manifest(const Json& index, const std::string& machine) {
  const Json manifests = index["manifests"];
  std::string others;
  std::string only;
  for (std::size_t i = 0; i < manifests.size(); ++i) {
    const Json platform = manifests[i]["platform"];
    const std::string architecture = platform["architecture"].text();
    if (!platform.exists() && manifests.size() == 1) only = manifests[i]["digest"].text();
    if (platform["os"].text() == "linux" && architecture == machine) {
      return manifests[i]["digest"].text();
    }
    if (architecture != "unknown" && !architecture.empty()) {
      others += (others.empty() ? "" : ", ") + architecture;
    }
  }
  if (!only.empty()) return only;
  return Error{"the image is not made for " + machine +
               (others.empty() ? std::string() : ", only for " + others) +
               "; choose one of them with --arch"};
}

/// Opens `name` inside `directory` and nowhere else, whatever links are there.
Result<std::string> path_inside(const std::string& directory, const std::string& name) {
  const auto root = open_at(AT_FDCWD, directory, O_PATH | O_DIRECTORY);
  if (!root) return Error{directory + ": " + std::strerror(root.error().code())};
  open_how how{};
  how.flags = O_PATH | O_CLOEXEC;
  how.resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS;
  const UniqueFd found(
      static_cast<int>(::syscall(SYS_openat2, root->get(), name.c_str(), &how, sizeof how)));
  if (!found) return Error{directory + "/" + name + ": " + std::strerror(errno)};
  const auto path = read_link("/proc/self/fd/" + std::to_string(found.get()));
  if (!path) return Error{name + ": " + std::strerror(path.error().code())};
  return *path;
}

Result<> check_digest(const std::string& path, const std::string& digest) {
  const auto sum = sha256_of_file(path);
  if (!sum) return sum.error();
  if ("sha256:" + *sum == digest) return Done{};
  return Error{path + " is damaged: its digest is sha256:" + *sum + " instead of " + digest};
}

/// docker save's own form, older than the OCI's.
Result<LocalImage> read_docker_directory(const std::string& directory) {
  const auto manifest = parse_file(directory + "/manifest.json");
  if (!manifest) return manifest.error();
  const Json first = (*manifest)[std::size_t{0}];
  const auto config_path = path_inside(directory, first["Config"].text());
  if (!config_path) return config_path.error();
  const auto config = parse_file(*config_path);
  if (!config) return config.error();
  LocalImage image{.config = config_of(*config), .layers = {}};
  for (const std::string& layer : first["Layers"].texts()) {
    const auto path = path_inside(directory, layer);
    if (!path) return path.error();
    image.layers.push_back(*path);
  }
  return image;
}

/// One layer on its way into the tree.
class LayerApplier {
 public:
  explicit LayerApplier(TreeWriter& writer) : writer_(writer) {}

  Result<> apply(ArchiveReader& reader) {
    ArchiveEntry entry;
    while (true) {
      const auto more = reader.next(entry);
      if (!more) return more.error();
      if (!*more) return Done{};
      const auto name = clean_name(entry.name);
      if (!name) return name.error();
      if (auto done = apply_entry(entry, *name, reader); !done) return done;
    }
  }

 private:
  Result<> apply_entry(const ArchiveEntry& entry, const std::string& name, ArchiveReader& reader) {
    const std::size_t slash = name.rfind('/');
    const std::string above = slash == std::string::npos ? "" : name.substr(0, slash);
    const std::string last = name.substr(slash == std::string::npos ? 0 : slash + 1);
    if (!last.starts_with(kWhiteout)) {
      remember(name);
      return writer_.add(entry, [&] { return reader.read(); });
    }
    // What this layer itself has written stays, wherever in it the order to remove stands.
    if (last == kOpaque) {
      return writer_.clear(above, [this](const std::string& at) { return written_.contains(at); });
    }
    const std::string hidden = last.substr(kWhiteout.size());
    if (hidden.empty() || hidden == "." || hidden == "..") {
      return Error{"the layer's entry '" + entry.name + "' wants to remove its own directory"};
    }
    if (hidden.starts_with(kWhiteout)) return Done{};  // notes of a file system long gone
    const std::string target = above.empty() ? hidden : above + "/" + hidden;
    return written_.contains(target) ? Result<>(Done{}) : writer_.remove(target);
  }

  void remember(const std::string& name) {
    for (std::size_t end = name.size(); end != std::string::npos && end > 0;
         end = name.rfind('/', end - 1)) {
      if (!written_.insert(name.substr(0, end)).second) return;
    }
  }

  TreeWriter& writer_;
  std::set<std::string> written_;
};

}  // namespace

bool is_digest(const std::string& digest) {
  return digest.size() == 71 && digest.starts_with("sha256:") &&
         digest.find_first_not_of("0123456789abcdef", 7) == std::string::npos;
}

std::string image_machine(const std::string& wanted) {
  std::string machine = wanted;
  utsname facts{};
  if (machine.empty() && ::uname(&facts) == 0) machine = facts.machine;
  if (machine == "x86_64") return "amd64";
  if (machine == "aarch64") return "arm64";
  if (machine == "x86" || machine == "i386" || machine == "i686") return "386";
  if (machine.starts_with("armv")) return "arm";
  return machine;
}

Result<LocalImage> read_image(
    const std::string& text, const std::string& machine, const BlobSource& blob,
    const std::function<Result<>(const std::vector<std::string>&)>& get_all) {
  auto document = Json::parse(text);
  if (!document) return document.error().in("the image's manifest");
  // An index may name another index, but not for ever.
  for (int depth = 0; (*document)["manifests"].exists(); ++depth) {
    if (depth == 4) return Error{"the image's indexes lead in a circle"};
    const auto digest = choose_manifest(*document, machine);
    if (!digest) return digest.error();
    const auto path = blob(*digest);
    if (!path) return path.error();
    document = parse_file(*path);
    if (!document) return document.error();
  }
  const Json layers = (*document)["layers"];
  const std::string config_digest = (*document)["config"]["digest"].text();
  if (!layers.exists() || config_digest.empty()) {
    return Error{
        "the image's manifest is of a kind that nestp does not know (version 1 of Docker?)"};
  }
  std::vector<std::string> digests{config_digest};
  for (std::size_t i = 0; i < layers.size(); ++i)
    digests.push_back(layers[i]["digest"].text());
  for (const std::string& digest : digests) {
    if (!is_digest(digest)) return Error{"'" + digest + "' is no digest that nestp can verify"};
  }
  if (get_all) {
    if (const auto done = get_all(digests); !done) return done.error();
  }
  LocalImage image;
  for (const std::string& digest : digests) {
    const auto path = blob(digest);
    if (!path) return path.error();
    image.layers.push_back(*path);
  }
  const auto config = parse_file(image.layers.front());
  if (!config) return config.error();
  image.config = config_of(*config);
  image.layers.erase(image.layers.begin());
  return image;
}

bool is_image_directory(const std::string& directory) {
  return ::access((directory + "/index.json").c_str(), F_OK) == 0 ||
         ::access((directory + "/manifest.json").c_str(), F_OK) == 0;
}

Result<LocalImage> read_image_directory(const std::string& directory, const std::string& machine) {
  const auto index = read_file(directory + "/index.json");
  if (!index) return read_docker_directory(directory);
  return read_image(*index, machine, [&](const std::string& digest) -> Result<std::string> {
    if (!is_digest(digest)) return Error{"'" + digest + "' is no digest that nestp can verify"};
    auto path = path_inside(directory, "blobs/sha256/" + digest.substr(7));
    if (!path) return path;
    if (const auto done = check_digest(*path, digest); !done) return done.error();
    return path;
  });
}

Result<> unpack_layers(const LocalImage& image, const std::string& directory, Owners owners,
                       OwnerNotes* notes) {
  auto root = open_at(AT_FDCWD, directory, O_PATH | O_DIRECTORY);
  if (!root) return Error{directory + ": " + std::strerror(root.error().code())};
  TreeWriter writer(std::move(*root), owners, notes);
  for (const std::string& layer : image.layers) {
    auto reader = ArchiveReader::open_file(layer);
    if (!reader) return reader.error();
    if (auto done = LayerApplier(writer).apply(*reader); !done) return done;
  }
  return writer.finish();
}

}  // namespace nestp
