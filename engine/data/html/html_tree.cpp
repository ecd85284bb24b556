#include "engine/data/html/html_tree.h"

#include <algorithm>
#include <array>

#include "engine/data/html/character_references.h"

namespace cairn::data {

namespace {

using E = HtmlElement;

bool is_white(std::string_view text) {
  return text.find_first_not_of(" \t\n\f\r") == std::string_view::npos;
}

}  // namespace

class HtmlTreeBuilder {
 public:
  HtmlTreeBuilder(HtmlTree& tree, std::string_view page) : tree_(tree), tokens_(page) {
    // About one tag or text in twenty bytes of an ordinary page.
    tree_.nodes_.reserve(page.size() / 24 + 16);
    tree_.attributes_.reserve(page.size() / 64 + 16);
    append(E::html, {});
    open_.push_back({0, E::html, false});
  }

  void build() {
    for (;;) {
      switch (tokens_.next()) {
        case HtmlTokens::Kind::text:
          text();
          break;
        case HtmlTokens::Kind::start_tag:
          start_tag();
          break;
        case HtmlTokens::Kind::end_tag:
          end_tag();
          break;
        case HtmlTokens::Kind::end:
          return pop_to(0), close(0);
      }
    }
  }

 private:
  struct Open {
    std::uint32_t node;
    E element;
    bool link_before;  // what in_link_ was before it
  };

  E current() const { return open_.back().element; }
  static bool has(E element, std::uint16_t rules) { return (html_rules(element) & rules) != 0; }

  void append(E element, std::string_view text) {
    const auto index = static_cast<std::uint32_t>(tree_.nodes_.size());
    tree_.nodes_.push_back({index + 1, element, in_link_, static_cast<std::uint32_t>(tree_.attributes_.size()), 0, text});
  }
  // With the attributes of the tag at hand.
  void append_tag() {
    append(tokens_.element(), tokens_.name());
    tree_.nodes_.back().attributes = static_cast<std::uint32_t>(tokens_.attributes().size());
    tree_.attributes_.insert(tree_.attributes_.end(), tokens_.attributes().begin(), tokens_.attributes().end());
  }

  // False beyond the greatest depth. A raw text has its element also there: it is no content.
  bool push(E element) {
    if (open_.size() >= HtmlTree::kMostDepth && !has(element, kRawText | kEscapableText)) {
      ++too_deep_;
      ++deep_[static_cast<std::size_t>(element)];
      return false;
    }
    open_.push_back({static_cast<std::uint32_t>(tree_.nodes_.size() - 1), element, in_link_});
    if (element == E::svg || element == E::math) ++foreign_;
    return true;
  }
  void imply(E element) {
    append(element, html_name(element));
    push(element);
  }

  void close(std::size_t depth) { tree_.nodes_[open_[depth].node].end = static_cast<std::uint32_t>(tree_.nodes_.size()); }
  // Ends the elements that are open above `depth`.
  void pop_to(std::size_t depth) {
    while (open_.size() > depth + 1) {
      close(open_.size() - 1);
      in_link_ = open_.back().link_before;
      if (current() == E::svg || current() == E::math) --foreign_;
      open_.pop_back();
    }
    if (too_deep_ > 0) deep_.fill(0);
    too_deep_ = 0;
  }

  // The depth of the innermost open element that `wanted` takes, up to the first that `boundary` takes; 0 when there is none.
  template <typename Wanted, typename Boundary>
  std::size_t innermost(const Wanted& wanted, const Boundary& boundary) const {
    for (std::size_t depth = open_.size() - 1; depth > 0; --depth) {
      if (wanted(open_[depth].element)) return depth;
      if (boundary(open_[depth].element)) return 0;
    }
    return 0;
  }
  template <typename Wanted, typename Boundary>
  bool end_innermost(const Wanted& wanted, const Boundary& boundary) {
    const std::size_t depth = innermost(wanted, boundary);
    if (depth > 0) pop_to(depth - 1);
    return depth > 0;
  }
  static bool is_scope(E element) { return has(element, kScope); }
  static bool is_special(E element) { return has(element, kSpecial); }
  static bool is_table_scope(E element) { return element == E::table || element == E::template_; }
  void end_paragraph() {
    end_innermost([](E element) { return element == E::p; },
                  [](E element) { return has(element, kScope) || element == E::button; });
  }

  void text() {
    std::string_view text = tokens_.text();
    if (open_.size() == 1 || current() == E::head) {
      if (is_white(text)) return;
      enter_body();
    }
    if (tokens_.has_references()) text = tree_.decoded_.emplace_back(decode_references(text, false));
    append(E::text, text);
  }

  // <body>, written or not; what <head> holds ends.
  void enter_body() {
    pop_to(0);
    if (!body_seen_) imply(E::body);
    body_seen_ = true;
  }

  void start_tag() {
    const E element = tokens_.element();
    if (element == E::html) return take_attributes_of_root();
    if (element == E::head || element == E::body) {
      bool& seen = element == E::head ? head_seen_ : body_seen_;
      if (seen || body_seen_) return;
      seen = true;
      pop_to(0);
      append_tag();
      return void(push(element));
    }
    const bool outside_body = open_.size() == 1 || current() == E::head;
    if (outside_body && has(element, kHeadContent)) {
      if (!head_seen_) imply(E::head);
      head_seen_ = true;
    } else if (outside_body) {
      enter_body();
    }
    // A second <select> is the first one's end, whatever it was meant to be.
    if (element == E::select && foreign_ == 0 && end_innermost([](E open) { return open == E::select; }, is_scope)) return;
    make_way_for(element);
    append_tag();
    if (has(element, kVoid) || tokens_.closes_itself()) return;
    if (push(element) && element == E::a) in_link_ = in_link_ || has_href();
  }

  bool has_href() const {
    return std::any_of(tokens_.attributes().begin(), tokens_.attributes().end(),
                       [](const HtmlAttribute& attribute) { return equal_ignoring_case(attribute.name, "href"); });
  }

  void take_attributes_of_root() {
    HtmlNode& root = tree_.nodes_[0];
    if (root.attributes > 0) return;
    root.first_attribute = static_cast<std::uint32_t>(tree_.attributes_.size());
    root.attributes = static_cast<std::uint32_t>(tokens_.attributes().size());
    tree_.attributes_.insert(tree_.attributes_.end(), tokens_.attributes().begin(), tokens_.attributes().end());
  }

  // Ends what cannot hold the element that begins.
  void make_way_for(E element) {
    if (foreign_ > 0) {
      if (!has(element, kEndsForeign)) return;
      const auto is_foreign = [](E open) { return open == E::svg || open == E::math; };
      const auto holds_html = [](E open) {
        return open == E::foreignobject || open == E::mi || open == E::mn || open == E::mo || open == E::ms || open == E::mtext;
      };
      if (!end_innermost(is_foreign, holds_html)) return;
      return make_way_for(element);
    }
    switch (element) {
      case E::li:
        end_item([](E open) { return open == E::li; });
        break;
      case E::dd:
      case E::dt:
        end_item([](E open) { return open == E::dd || open == E::dt; });
        break;
      case E::a:
        end_link();
        break;
      case E::button:
        end_innermost([](E open) { return open == E::button; }, is_scope);
        break;
      case E::input:
      case E::keygen:
      case E::textarea:
        end_innermost([](E open) { return open == E::select; }, is_scope);
        break;
      case E::option:
      case E::optgroup:
        if (current() == E::option) pop_to(open_.size() - 2);
        if (element == E::optgroup && current() == E::optgroup) pop_to(open_.size() - 2);
        break;
      case E::table:
        if (has(current(), kTableContext)) end_innermost([](E open) { return open == E::table; }, [](E) { return false; });
        break;
      case E::caption:
      case E::colgroup:
      case E::col:
      case E::thead:
      case E::tbody:
      case E::tfoot:
        clear_to({E::table});
        break;
      case E::tr:
        clear_to({E::table, E::tbody, E::thead, E::tfoot});
        break;
      case E::td:
      case E::th:
        if (clear_to({E::table, E::tbody, E::thead, E::tfoot, E::tr}) && current() != E::tr) imply(E::tr);
        break;
      default:
        break;
    }
    if (has(element, kEndsParagraph)) end_paragraph();
    if (has(element, kHeading) && has(current(), kHeading)) pop_to(open_.size() - 2);
  }

  // An item ends the one before it, but not one of an outer list.
  template <typename Wanted>
  void end_item(const Wanted& wanted) {
    end_innermost(wanted, [](E open) { return has(open, kSpecial) && open != E::address && open != E::div && open != E::p; });
  }

  // Ends what is open in a table up to one of these; false outside of tables.
  bool clear_to(std::initializer_list<E> contexts) {
    const auto is_context = [&contexts](E open) { return std::find(contexts.begin(), contexts.end(), open) != contexts.end(); };
    if (innermost([](E open) { return open == E::table; }, [](E open) { return open == E::template_; }) == 0) return false;
    if (const std::size_t depth = innermost(is_context, is_table_scope); depth > 0) pop_to(depth);
    return true;
  }

  void end_tag() {
    const E element = tokens_.element();
    if (element == E::html || element == E::body) return;  // what comes behind them is content, too
    if (too_deep_ > 0) {
      if (open_.size() > HtmlTree::kMostDepth) {  // a raw text's
        close(open_.size() - 1);
        return open_.pop_back();
      }
      // One that was begun there, of whatever name when it has no rules; else what is open there ends with what holds it.
      if (std::uint32_t& begun = deep_[static_cast<std::size_t>(element)]; begun > 0) return --begun, void(--too_deep_);
    }
    if (element == E::br) {
      if (open_.size() == 1 || current() == E::head) enter_body();
      return append(E::br, tokens_.name());
    }
    const auto is_it = [element](E open) { return open == element; };
    if (foreign_ > 0 || element == E::other) return end_named();
    switch (element) {
      case E::p:
        if (open_.size() == 1 || current() == E::head) return;
        // Without a start tag it is an empty paragraph, which parts what is beside it.
        if (!end_innermost(is_it, [](E open) { return has(open, kScope) || open == E::button; })) append(E::p, tokens_.name());
        return;
      case E::li:
        return void(end_innermost(is_it, [](E open) { return has(open, kScope) || open == E::ol || open == E::ul; }));
      case E::h1:
      case E::h2:
      case E::h3:
      case E::h4:
      case E::h5:
      case E::h6:
        return void(end_innermost([](E open) { return has(open, kHeading); }, is_scope));
      case E::table:
      case E::template_:
        return void(end_innermost(is_it, [](E open) { return open == E::template_; }));
      case E::tr:
      case E::td:
      case E::th:
      case E::tbody:
      case E::thead:
      case E::tfoot:
      case E::caption:
      case E::colgroup:
        return void(end_innermost(is_it, is_table_scope));
      case E::a:
        return end_link();
      default:
        end_innermost(is_it, has(element, kSpecial) ? is_scope : is_special);
    }
  }

  // In a block inside of the link, the block goes on without being one.
  void end_link() {
    const auto is_link = [](E open) { return open == E::a; };
    if (end_innermost(is_link, is_special)) return;
    const std::size_t depth = innermost(is_link, is_scope);
    if (depth == 0) return;
    in_link_ = false;
    for (std::size_t inner = depth; inner < open_.size(); ++inner) open_[inner].link_before = false;
  }

  // An end tag of foreign content or of an element that has no rules of its own: by the name as it is written.
  void end_named() {
    for (std::size_t depth = open_.size() - 1; depth > 0 && (foreign_ > 0 || !is_special(open_[depth].element)); --depth) {
      const std::string_view name = tree_.nodes_[open_[depth].node].text;
      if (open_[depth].element == tokens_.element() && name.size() == tokens_.name().size() &&
          (tokens_.element() != E::other ||
           std::equal(name.begin(), name.end(), tokens_.name().begin(), [](char a, char b) { return (a | 0x20) == (b | 0x20); })))
        return pop_to(depth - 1);
    }
  }

  HtmlTree& tree_;
  HtmlTokens tokens_;
  std::vector<Open> open_{};
  std::size_t too_deep_ = 0;  // elements open beyond the greatest depth, and how many of each
  std::array<std::uint32_t, static_cast<std::size_t>(E::count)> deep_{};
  int foreign_ = 0;  // <svg> and <math> that are open
  bool in_link_ = false, head_seen_ = false, body_seen_ = false;
};

HtmlTree::HtmlTree(std::string_view page) {
  HtmlTreeBuilder(*this, page).build();
}

std::string HtmlTree::attribute(const HtmlNode& node, std::string_view name) const {
  for (const HtmlAttribute* attribute = begin(node); attribute != end(node); ++attribute) {
    if (equal_ignoring_case(attribute->name, name)) return decode_references(attribute->value, true);
  }
  return {};
}

bool equal_ignoring_case(std::string_view a, std::string_view b) {
  return a.size() == b.size() && std::equal(a.begin(), a.end(), b.begin(), [](char x, char y) {
           return (x >= 'A' && x <= 'Z' ? static_cast<char>(x | 0x20) : x) == y;
         });
}

}  // namespace cairn::data
