/// How the page looks: light and dark, wide and narrow.
extension StatusPage {
    static let style = ###"""
        :root {
          --page: #f6f7f9; --card: #fff; --ink: #1c2330; --dim: #5d6778; --line: #dfe3ea; --grid: #edf0f4;
          --good: #18794e; --warn: #9a5b00; --bad: #c62a2f; --good-soft: #e6f4ec; --warn-soft: #fdf1dc; --bad-soft: #fdebec;
          --one: #3257d3; --two: #18997a; --three: #b4530a; --bar: #cfd8f6;
        }
        @media (prefers-color-scheme: dark) {
          :root {
            --page: #11151c; --card: #1a202a; --ink: #e6eaf1; --dim: #98a3b5; --line: #2b3442; --grid: #232b37;
            --good: #5bd39b; --warn: #f0b75c; --bad: #ff8589; --good-soft: #14302a; --warn-soft: #35290f; --bad-soft: #3a1b20;
            --one: #86a2ff; --two: #4fd1b0; --three: #f0a35c; --bar: #33436f;
          }
        }
        * { box-sizing: border-box; }
        body { margin: 0; background: var(--page); color: var(--ink); font: 15px/1.45 system-ui, "DejaVu Sans", sans-serif; }
        main { max-width: 1080px; margin: 0 auto; padding: 20px 16px 40px; }
        header { display: flex; flex-wrap: wrap; align-items: baseline; gap: 4px 12px; margin-bottom: 14px; }
        h1 { font-size: 22px; margin: 0; letter-spacing: .01em; }
        h2 { font-size: 14px; margin: 0 0 8px; color: var(--dim); font-weight: 600; }
        .about { color: var(--dim); font-size: 13px; }
        .live { margin-left: auto; font-size: 13px; color: var(--dim); }
        .live::before { content: ""; display: inline-block; width: 8px; height: 8px; border-radius: 50%; margin-right: 6px;
          background: var(--good); }
        .stale .live::before { background: var(--bad); }
        .stale section { opacity: .45; }
        #verdict { border-radius: 10px; padding: 12px 16px; margin-bottom: 14px; background: var(--good-soft);
          border-left: 5px solid var(--good); }
        #verdict.warn { background: var(--warn-soft); border-color: var(--warn); }
        #verdict.bad { background: var(--bad-soft); border-color: var(--bad); }
        #verdict strong { display: block; }
        #verdict ul { margin: 4px 0 0; padding-left: 20px; overflow-wrap: anywhere; }
        #problems:empty { display: none; }
        #verdict li.failure { color: var(--bad); }
        #verdict li.warning { color: var(--warn); }
        .tiles { display: grid; grid-template-columns: repeat(auto-fit, minmax(132px, 1fr)); gap: 10px; margin-bottom: 14px; }
        .tile, .card { background: var(--card); border: 1px solid var(--line); border-radius: 10px; }
        .tile { padding: 10px 14px; }
        .tile span { display: block; color: var(--dim); font-size: 12.5px; }
        .tile b { font-size: 22px; font-weight: 600; font-variant-numeric: tabular-nums; }
        .tile.bad b { color: var(--bad); }
        .charts { display: grid; grid-template-columns: repeat(auto-fit, minmax(290px, 1fr)); gap: 10px; margin-bottom: 14px; }
        .card { padding: 12px 14px; margin-bottom: 14px; min-width: 0; }
        .charts .card { margin: 0; }
        svg { display: block; width: 100%; height: 120px; }
        svg .grid { stroke: var(--grid); stroke-width: 1; vector-effect: non-scaling-stroke; }
        svg polyline { fill: none; stroke-width: 2; stroke-linejoin: round; vector-effect: non-scaling-stroke; }
        .s0 { stroke: var(--one); } .s1 { stroke: var(--two); } .s2 { stroke: var(--three); }
        .k0 { color: var(--one); } .k1 { color: var(--two); } .k2 { color: var(--three); }
        .legend { display: flex; gap: 2px 14px; font-size: 12.5px; color: var(--dim); margin-top: 4px;
          font-variant-numeric: tabular-nums; flex-wrap: wrap; }
        .legend span:last-child { margin-left: auto; }
        .wide { overflow-x: auto; }
        table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; }
        th { text-align: left; font-weight: 500; font-size: 12.5px; color: var(--dim); padding: 0 14px 4px 0; white-space: nowrap; }
        td { padding: 5px 14px 5px 0; border-top: 1px solid var(--grid); white-space: nowrap; }
        th.n, td.n { text-align: right; }
        td.good { color: var(--good); } td.warn { color: var(--warn); } td.bad { color: var(--bad); }
        meter { width: 90px; height: 10px; vertical-align: middle; margin-right: 8px; }
        .cells { display: flex; flex-wrap: wrap; gap: 3px; }
        .cells i { width: 14px; height: 14px; border-radius: 3px; background: var(--good); }
        .cells i.warn { background: var(--warn); } .cells i.bad { background: var(--bad); }
        .none { color: var(--dim); }
        footer { color: var(--dim); font-size: 12.5px; }
        footer a { color: inherit; }
        """###
}
