'use strict';
// Copies the LaTeX or the code that belongs to a button.
document.addEventListener('click',e=>{const b=e.target.closest('button.copy');if(!b)return;
const text=b.dataset.copy,was=b.textContent;if(was===b.dataset.done)return;
const ok=()=>{b.textContent=b.dataset.done;setTimeout(()=>{b.textContent=was},1500)};
const old=()=>{const a=document.createElement('textarea');a.value=text;document.body.appendChild(a);a.select();
document.execCommand('copy');a.remove();ok()};
if(navigator.clipboard&&window.isSecureContext)navigator.clipboard.writeText(text).then(ok,old);else old()});

// What scrolls can be reached by keyboard; what does not is no stop on the way.
const reach=()=>{for(const e of document.querySelectorAll('.scroll,.math,pre'))
e.scrollWidth>e.clientWidth+1?e.tabIndex=0:e.removeAttribute('tabindex')};
document.addEventListener('toggle',reach,true);window.addEventListener('resize',reach);reach();

// The live figure takes the place of the drawn one: values under the pointer, ln or log10, mean field under sliders.
(()=>{const store=document.getElementById('live'),figure=document.getElementById('live-figure');if(!store||!figure)return;
const drawn=figure.querySelector('svg'),d=JSON.parse(store.textContent),word=figure.dataset,W=Math.max(300,Math.min(520,figure.clientWidth)),H=300,L=56,R=18,T=10,B=36,LN10=Math.LN10;
const make=(name,attributes,parent)=>{const e=document.createElementNS(drawn.namespaceURI,name);
for(const k in attributes)e.setAttribute(k,attributes[k]);if(parent)parent.appendChild(e);return e};
const add=(name,parent,text)=>{const e=document.createElement(name);if(text)e.textContent=text;parent.appendChild(e);return e};
const svg=make('svg',{viewBox:`0 0 ${W} ${H}`,class:'live',role:'img'});
svg.setAttribute('aria-label',drawn.getAttribute('aria-label'));drawn.replaceWith(svg);
const panel=document.createElement('div');panel.className='panel';figure.insertBefore(panel,figure.querySelector('figcaption'));
const out=add('output',panel);
const unit=add('button',panel,'ln → log₁₀');unit.type='button';
let tens=false,mine=null,x0,x1,y0,y1;
// ln E φ² and ln E φ'² between the nodes of the table, straight lines beyond.
const at=(ys,t)=>{const g=d.log_q,n=g.length-1,s=(g[n]-g[0])/n,k=Math.min(Math.max(Math.floor((t-g[0])/s),0),n-1);
return ys[k]+(ys[k+1]-ys[k])*(t-g[k])/s};
// Mean field: q_l = σ_w² E φ² + σ_b², χ_l = σ_w² E φ'², the gradient relative to the last layer.
const theory=(act,w,depth)=>{const c=d.curves[act],b=d.start.sigma_b;let q=w*w*d.input+b*b,last=0;const gain=[],y=new Array(depth);
for(let l=0;l<depth;l++){const t=Math.log(Math.max(q,1e-300));gain.push(2*Math.log(w)+at(c.slope,t));q=w*w*Math.exp(at(c.square,t))+b*b}
for(let l=depth-1;l>=0;l--){last+=l===depth-1?0:gain[l]/2;y[l]=last}
const shift=d.mean[d.mean.length-1]||0;return y.map(v=>v+shift)};
const px=l=>L+(l-x0)/(x1-x0)*(W-L-R),py=v=>T+(y1-v)/(y1-y0)*(H-T-B),unitOf=()=>tens?LN10:1;
const path=(ls,ys)=>{let s='',pen='M';ls.forEach((l,i)=>{if(ys[i]==null||!isFinite(ys[i])){pen='M';return}
s+=pen+px(l).toFixed(1)+' '+py(ys[i]).toFixed(1);pen='L'});return s};
const ticks=(a,b)=>{const raw=(b-a)/5,p=10**Math.floor(Math.log10(raw)),s=[1,2,5,10].find(m=>m*p>=raw)*p,out=[];
for(let v=Math.ceil(a/s)*s;v<=b+1e-9;v+=s)out.push(+v.toPrecision(12));return out};
const range=a=>Array.from({length:a},(_,i)=>i+1);
function draw(){while(svg.firstChild)svg.firstChild.remove();
const all=[d.mean,d.low,d.high,d.predicted,mine?mine.y:[]].flat().filter(v=>v!=null&&isFinite(v));
y0=Math.min(...all);y1=Math.max(...all);if(y1-y0<1){y0-=.5;y1+=.5}const room=.06*(y1-y0);y0-=room;y1+=room;
x0=d.layer[0];x1=Math.max(d.layer[d.layer.length-1],mine?mine.y.length:0,x0+1);
for(const v of ticks(y0/unitOf(),y1/unitOf())){const y=py(v*unitOf());make('line',{x1:L,x2:W-R,y1:y,y2:y,class:'grid'},svg);
make('text',{x:L-6,y:y+4,'text-anchor':'end'},svg).textContent=String(v).replace('-','−')}
for(const v of ticks(x0,x1))if(Number.isInteger(v))make('text',{x:px(v),y:H-B+16,'text-anchor':'middle'},svg).textContent=v;
make('text',{x:(L+W-R)/2,y:H-4,'text-anchor':'middle'},svg).textContent=word.x;
make('text',{x:12,y:(T+H-B)/2,transform:`rotate(-90 12 ${(T+H-B)/2})`,'text-anchor':'middle'},svg).textContent=(tens?'log₁₀ ‖':'ln ‖')+word.y+'‖';
const lo=path(d.layer,d.low),hi=path([...d.layer].reverse(),[...d.high].reverse());
if(lo&&hi)make('path',{d:lo+hi.replace('M','L')+'Z',class:'band'},svg);
make('path',{d:path(d.layer,d.mean),class:'sim'},svg);make('path',{d:path(d.layer,d.predicted),class:'pred'},svg);
if(mine)make('path',{d:path(range(mine.y.length),mine.y),class:'mine'},svg);
make('line',{class:'cursor',y1:T,y2:H-B,x1:-9,x2:-9},svg)}
const shown=v=>v==null||!isFinite(v)?'—':(v/unitOf()).toFixed(2).replace('-','−');
function tell(l){const i=d.layer.indexOf(l),parts=[`${word.x} ${l}`];
if(i>=0){parts.push(`${word.sim} ${shown(d.mean[i])}`);if(d.predicted.some(v=>v!=null))parts.push(`${word.pred} ${shown(d.predicted[i])}`)}
if(mine&&l>=1&&l<=mine.y.length)parts.push(`${word.try} ${shown(mine.y[l-1])}`);
out.textContent=parts.join(' · ');const c=svg.querySelector('.cursor');c.setAttribute('x1',px(l));c.setAttribute('x2',px(l))}
let here=d.layer[0];
svg.tabIndex=0;
svg.addEventListener('pointermove',e=>{const box=svg.getBoundingClientRect(),x=(e.clientX-box.left)/box.width*W;
here=Math.min(Math.max(Math.round(x0+(x-L)/(W-L-R)*(x1-x0)),x0),x1);tell(here)});
svg.addEventListener('keydown',e=>{const step={ArrowLeft:-1,ArrowRight:1}[e.key];if(!step)return;e.preventDefault();
here=Math.min(Math.max(here+step,x0),x1);tell(here)});
unit.addEventListener('click',()=>{tens=!tens;unit.textContent=tens?'log₁₀ → ln':'ln → log₁₀';draw();tell(here)});
if(d.curves){const form=add('div',panel);form.className='sliders';add('p',panel,word.help);
const slider=(name,min,max,step,value)=>{const label=add('label',form),[base,index]=name.split('_'),s=add('span',label,base);
if(index)add('sub',s,index);const e=add('input',label),o=add('b',label);
Object.assign(e,{type:'range',min,max,step,value});return [e,o]};
const s=d.start,[w,wo]=slider('σ_w',-1.6,3.2,.005,Math.log(s.sigma_w)),[n,no]=slider(word.depth,2,Math.max(200,s.depth),1,s.depth);
const label=add('label',form,word.act+' '),act=add('select',label);Object.keys(d.curves).forEach(k=>add('option',act,k));act.value=s.act;
const update=()=>{const sigma=Math.exp(+w.value);wo.textContent=sigma.toPrecision(3);no.textContent=n.value;
mine={y:theory(act.value,sigma,+n.value)};draw();tell(Math.min(here,x1))};
[w,n,act].forEach(e=>e.addEventListener('input',update));wo.textContent=(+s.sigma_w).toPrecision(3);no.textContent=n.value}
draw();tell(here)})();
